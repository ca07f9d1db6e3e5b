"use strict";
(() => {
  const root = document.documentElement, by = id => document.getElementById(id);
  const dark = matchMedia("(prefers-color-scheme: dark)"), kept = "kubepeer-theme";
  const remember = value => { try { localStorage.setItem(kept, value); } catch { /* a file without storage */ } };
  const remembered = () => { try { return localStorage.getItem(kept); } catch { return null; } };
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
  const named = () => { by("theme").textContent = isDark() ? "Light" : "Dark"; };
  if (["dark", "light"].includes(remembered())) root.dataset.theme = remembered();
  by("theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; remember(root.dataset.theme); named(); });
  dark.addEventListener("change", named);
  named();

  const value = id => by(id) ? by(id).value : "";
  const filter = () => {
    const router = value("router"), state = value("state");
    document.body.dataset.layer = value("layer");
    for (const one of document.querySelectorAll("[data-router], [data-state]")) {
      const other = router && one.dataset.router !== undefined && !one.dataset.router.split("|").includes(router);
      const differs = state && one.dataset.state !== undefined && one.dataset.state !== state;
      one.classList.toggle("off", Boolean(other || differs));
      if (state && one.matches("details") && one.dataset.state === state) one.open = true;
    }
    const further = document.querySelector(".further");
    if (further && router) further.open = true;
    const all = document.querySelectorAll(".cause"), off = document.querySelectorAll(".cause.off");
    by("shown").textContent = router || state ? `${all.length - off.length} of ${all.length} causes shown` : "";
  };
  by("controls").addEventListener("change", filter);
  by("controls").addEventListener("submit", event => event.preventDefault());
  filter();

  let opened = [];
  addEventListener("beforeprint", () => { opened = [...document.querySelectorAll("details.print:not([open])")]; for (const one of opened) one.open = true; });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
})();
