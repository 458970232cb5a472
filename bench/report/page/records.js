// The page of one record, made when it is asked for.
const records = (() => {
  const place = document.getElementById("record");
  let held = null;
  const details = () => (held ??= JSON.parse(document.getElementById("details").textContent));

  const make = (tag, text, ...children) => {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    element.append(...children);
    return element;
  };
  const table = (caption, headings, rows) => {
    if (!rows.length) return [];
    const made = make("table");
    made.className = "plain";
    made.append(make("caption", caption));
    if (headings.length) made.createTHead().insertRow().append(...headings.map((text) => Object.assign(make("th", text), { scope: "col" })));
    const body = made.createTBody();
    for (const [first, ...others] of rows) {
      body.insertRow().append(Object.assign(make("th", String(first)), { scope: "row" }), ...others.map((cell) => make("td", String(cell))));
    }
    return [sideways(caption, made)];
  };
  const sideways = (label, element) => {
    const region = make("div", "", element);
    Object.assign(region, { className: "sideways", tabIndex: 0, role: "group", ariaLabel: label });
    return region;
  };
  const list = (title, lines) => (lines.length ? [make("h3", title), make("ul", "", ...lines.map((line) => make("li", line)))] : []);
  const block = (title, text) => {
    const summary = make("summary", title);
    return make("details", "", summary, sideways(title, make("pre", text)));
  };
  const pictures = (numbers) => numbers.flatMap((number) => {
    const original = document.getElementById(`picture-${number}`);
    if (!original) return [];
    const copy = original.cloneNode();
    copy.removeAttribute("id");
    return [make("figure", "", make("figcaption", original.dataset.who), copy)];
  });

  const page = (detail) => [
    make("h2", detail.title),
    ...list("Warnings", detail.warnings),
    make("h3", "Make it again"),
    sideways("command", make("pre", detail.command)),
    ...table("Provenance", [], detail.facts),
    ...table("Values", ["metric", "value", "unit", "n"], detail.metrics),
    ...table("Not measured", ["metric", "reason"], detail.skipped),
    ...table("Costs", ["cost", "value"], detail.costs),
    ...list("Files", detail.files),
    ...detail.blocks.map(([title, text]) => block(title, text)),
  ];
  const unknown = (key) => [
    make("h2", "Record"),
    make("p", `This report does not hold the details of ${key}. This prints them:`),
    sideways("command", make("pre", `python -m bench show ${key.replace(/[^A-Za-z0-9_-]/g, "")}`)),
  ];
  const show = (key) => {
    const { records: known, texts } = details();
    const worded = (value) => {
      if (typeof value === "number") return texts[value];
      if (Array.isArray(value)) return value.map(worded);
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, worded(each)]));
    };
    const back = Object.assign(make("a", "Back to all records"), { href: "#records" });
    const found = Object.hasOwn(known, key);
    const shown = found ? [...page(worded(known[key][0])), ...pictures(known[key][1])] : unknown(key);
    place.replaceChildren(make("p", "", back), ...shown);
    const title = place.querySelector("h2");
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
  };
  return { place, show };
})();
