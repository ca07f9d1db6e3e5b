"""Nornir tasks, one package a subject: plan.py is pure, tasks.py is the thin edge that touches devices."""
