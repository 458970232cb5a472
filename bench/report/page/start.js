// What is seen first is built first; what is folded away is built when it is opened.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = document.getElementById("all");
  const ready = (holder) => {
    if (holder.dataset.built) return;
    holder.dataset.built = "yes";
    if (holder.dataset.grid) tables.build(holder, data.grids[holder.dataset.grid]);
    else plots.build(holder, data.plots[holder.dataset.plot]);
  };
  const HOLDERS = "[data-grid], [data-plot]";
  const folded = (holder) => holder.closest("details:not([open])") !== null;
  const queue = [...all.querySelectorAll(HOLDERS)];
  const next = () => {
    const until = performance.now() + 30;
    while (!all.hidden && queue.length && performance.now() < until) {
      const holder = queue.shift();
      if (!folded(holder)) ready(holder);
    }
    if (queue.length && !all.hidden) setTimeout(next);
    else if (!queue.length) document.documentElement.dataset.ready = "yes";
  };
  for (const details of all.querySelectorAll("details")) {
    details.addEventListener("toggle", () => {
      if (details.open) [...details.querySelectorAll(HOLDERS)].filter((holder) => !folded(holder)).forEach(ready);
    });
  }

  const button = document.getElementById("theme");
  const name = () => {
    button.textContent = theme.isDark() ? "Light" : "Dark";
    button.title = button.ariaLabel = `${button.textContent} colours`;
  };
  button.addEventListener("click", () => theme.choose(!theme.isDark()));
  button.hidden = false;
  theme.onChange(name);
  name();

  let back = 0;
  const route = () => {
    const key = location.hash.startsWith("#record=") ? decodeURIComponent(location.hash.slice(8)) : null;
    if (key !== null && !all.hidden) back = scrollY;
    all.hidden = key !== null;
    records.place.hidden = key === null;
    const instantly = (top) => scrollTo({ top, behavior: "instant" });
    if (key !== null) {
      records.show(key);
      instantly(0);
    } else {
      next();
      const target = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
      if (back) instantly(back);
      else target?.scrollIntoView();
      back = 0;
    }
  };
  addEventListener("hashchange", route);
  route();
})();
