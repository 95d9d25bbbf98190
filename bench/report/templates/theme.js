"use strict";
// Which colours: the system's, unless the reader chooses others. Who draws listens to the event "colours".
{
  const root = document.documentElement;
  const chosen = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const tell = () => document.dispatchEvent(new Event("colours"));

  chosen.closest("[hidden]").hidden = false; // without scripts there is no choice
  chosen.addEventListener("change", () => {
    root.dataset.theme = chosen.value;
    tell();
  });
  dark.addEventListener("change", tell);
  window.isDark = () => (chosen.value ? chosen.value === "dark" : dark.matches);
}
