"use strict";
// Light or dark: as the system says, until the reader chooses.
const theme = (() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const listeners = [];
  let chosen = null;
  try {
    chosen = localStorage.getItem("codebook-bench-theme");
  } catch {
    // a browser may refuse to keep anything for a file
  }
  const isDark = () => (chosen === null ? system.matches : chosen === "dark");
  const apply = () => {
    root.classList.toggle("dark", isDark());
    root.style.colorScheme = isDark() ? "dark" : "light";
    listeners.forEach((listener) => listener());
  };
  const choose = (dark) => {
    chosen = dark ? "dark" : "light";
    try {
      localStorage.setItem("codebook-bench-theme", chosen);
    } catch {
      // it holds until the page is closed
    }
    apply();
  };
  system.addEventListener("change", apply);
  apply();
  return { isDark, choose, onChange: (listener) => listeners.push(listener) };
})();
