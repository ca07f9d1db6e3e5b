"""Passwords are hidden from people, and a changed one still shows as a change."""

from __future__ import annotations

import pytest

from napalm_bird.secrets import compare, hide


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('password "s3cret";', 'password "********";'),
        ('  password   "a b; c" { id 1; };', '  password   "********" { id 1; };'),
        ('password\n"s3cret";', 'password\n"********";'),
        ("password 02:2d:ff;", 'password "********";'),
        ("password deadbeef;", 'password "********";'),
        ('passwords { password "s3cret"; };', 'passwords { password "********"; };'),
        ('bird private key "/etc/bird/key";', 'bird private key "********";'),
        ('define KEY = "s3cret";\npassword KEY;', 'define KEY = "********";\npassword KEY;'),
        ('define NAME = "public";\ndescription NAME;', 'define NAME = "public";\ndescription NAME;'),
        ('password "s3cret', 'password "********"'),
        ('password hex:"02:2d:ff";', 'password "********";'),
        ('password /* of the site */ "s3cret";', 'password /* of the site */ "********";'),
        ('password # of the site\n"s3cret";', 'password # of the site\n"********";'),
        (
            'keys { key { id 1; secret "topsecret"; algorithm hmac sha256; preferred; }; };',
            'keys { key { id 1; secret "********"; algorithm hmac sha256; preferred; }; };',
        ),
        ('define A = "s3cret";\ndefine B = A;\nsecret B;', 'define A = "********";\ndefine B = A;\nsecret B;'),
        ("define 'a-key' = \"s3cret\";\npassword 'a-key';", "define 'a-key' = \"********\";\npassword 'a-key';"),
    ],
)
def test_secrets_are_hidden(text: str, hidden: str) -> None:
    assert hide(text) == hidden


def test_a_changed_password_is_a_changed_line_without_it() -> None:
    diff = compare('a;\npassword "one";\n', 'a;\npassword "two";\n')
    assert diff.splitlines()[2:] == ["@@ -1,2 +1,2 @@", " a;", '-password "********";', '+password "********";']
    assert "\0" not in diff


def test_equal_texts_have_no_diff() -> None:
    assert compare('password "one";\n', 'password "one";\n') == ""
