// Plots: data and labels come from the page, colours and room from here.
const plots = (() => {
  const WIDE = 640;
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "pentagon"];
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  const KINDS = { method: 0, control: 1, blind: 2 };
  const MOST_NAMED = 14;
  const CONFIG = { displayModeBar: false, showTips: false, scrollZoom: false, doubleClick: false };

  const plain = (text) => String(text).replace(/[&<>]/g, (mark) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[mark]);
  const short = (text, most) => plain(text.length > most ? `${text.slice(0, most - 1)}…` : text);

  const colour = (() => {
    const probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
    return (name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color;
    };
  })();
  const series = (i) => colour(`series-${i % 8}`);
  // A method looks the same in all plots.
  const numbers = new Map();
  const number = (label) => numbers.get(label) ?? numbers.set(label, numbers.size).get(label);

  const axis = (title, more = {}) => ({
    title: { text: plain(title), standoff: 8 },
    color: colour("text"),
    gridcolor: colour("line"),
    linecolor: colour("line"),
    zerolinecolor: colour("line"),
    automargin: true,
    ...more,
  });
  const layout = (element, height, more) => ({
    height,
    margin: { l: 8, r: 16, t: 8, b: 8 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: element.clientWidth < WIDE ? 11 : 13, color: colour("text") },
    hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("line"), font: { color: colour("text") }, namelength: -1 },
    legend: { orientation: "h", yanchor: "bottom", y: 1.02, x: 0, font: { color: colour("text") } },
    dragmode: false,
    ...more,
  });
  // Rows from above, named at the left, with as much of the name as there is room for.
  const rows = (element, labels) => ({
    tickvals: labels.map((_, i) => i),
    ticktext: labels.map((label) => short(label, element.clientWidth < WIDE ? 26 : 60)),
    range: [labels.length - 0.5, -0.5],
    showgrid: false,
    zeroline: false,
  });

  const scatter = (element, plot, [x, y]) => {
    const having = plot.labels.map((_, i) => i).filter((i) => plot.x[x].values[i] !== null && plot.y[y].values[i] !== null);
    const named = having.length <= MOST_NAMED;
    const groups = named ? having.map((i) => [i]) : Object.keys(KINDS).map((kind) => having.filter((i) => plot.kinds[i] === kind));
    const traces = groups.filter((group) => group.length).map((group) => {
      const kind = plot.kinds[group[0]];
      const which = named ? number(plot.labels[group[0]]) : KINDS[kind];
      return {
        type: "scatter",
        mode: "markers",
        name: named ? short(plot.labels[group[0]], 40) : `${kind}s`,
        x: group.map((i) => plot.x[x].values[i]),
        y: group.map((i) => plot.y[y].values[i]),
        text: group.map((i) => plain(`${plot.labels[i]} (${plot.kinds[i]})`)),
        hovertemplate: "%{text}<br>%{x:.5~g}, %{y:.5~g}<extra></extra>",
        marker: { color: series(which), symbol: SYMBOLS[(which + Math.floor(which / 8)) % SYMBOLS.length] + (kind === "method" ? "" : "-open"), size: 11, line: { width: 2, color: series(which) } },
      };
    });
    const log = (title) => (/train_s|train s|parameters|bits/.test(title) && spread(plot.x[x].values) > 20 ? "log" : "linear");
    return [traces, layout(element, 420, { showlegend: true, xaxis: axis(plot.x[x].title, { type: log(plot.x[x].title) }), yaxis: axis(plot.y[y].title) })];
  };
  const spread = (values) => {
    const held = values.filter((value) => value > 0);
    return Math.max(...held) / Math.min(...held);
  };

  const ranks = (element, plot) => {
    const traces = plot.labels.map((label, i) => ({
      type: "scatter",
      mode: "lines+markers",
      x: [plot.low[i], plot.high[i]],
      y: [i, i],
      line: { color: series(0), width: 6 },
      marker: { color: series(0), size: 10 },
      hovertemplate: `${plain(label)}: ${plot.low[i]} to ${plot.high[i]}<extra></extra>`,
    }));
    const height = 70 + 26 * plot.labels.length;
    const x = axis("rank", { range: [0.5, plot.methods + 0.5], tickformat: "d", ...(plot.methods < 12 ? { dtick: 1 } : {}) });
    return [traces, layout(element, height, { showlegend: false, xaxis: x, yaxis: axis("", rows(element, plot.labels)) })];
  };

  const LOOKS = {
    better: ["series-2", "triangle-up", "better"],
    worse: ["series-1", "triangle-down", "worse"],
    equivalent: ["series-5", "square", "as good as none"],
    unknown: ["series-5", "circle-open", "cannot be told"],
  };
  const forest = (element, plot) => {
    const traces = Object.entries(LOOKS).map(([look, [name, symbol, words]]) => {
      const which = plot.labels.map((_, i) => i).filter((i) => plot.look[i] === look);
      return {
        type: "scatter",
        mode: "markers",
        name: words,
        x: which.map((i) => plot.estimate[i]),
        y: which,
        error_x: {
          type: "data",
          symmetric: false,
          array: which.map((i) => plot.high[i] - plot.estimate[i]),
          arrayminus: which.map((i) => plot.estimate[i] - plot.low[i]),
          color: colour(name),
          thickness: 2,
          width: 5,
        },
        marker: { color: colour(name), size: 10, symbol, line: { width: 2, color: colour(name) } },
        text: which.map((i) => plain(plot.text[i]).replace(/(.{1,55})(\s|$)/g, "$1<br>")),
        hovertemplate: "%{text}<extra></extra>",
      };
    }).filter((trace) => trace.x.length);
    const upright = { yref: "paper", y0: 0, y1: 1 };
    const shapes = [{ ...upright, type: "line", x0: 0, x1: 0, line: { color: colour("text"), width: 1, dash: "dot" } }];
    if (plot.margin !== null) {
      shapes.unshift({ ...upright, type: "rect", x0: -plot.margin, x1: plot.margin, layer: "below", fillcolor: colour("line"), opacity: 0.5, line: { width: 0 } });
    }
    const height = 110 + 28 * plot.labels.length;
    return [traces, layout(element, height, { showlegend: true, shapes, xaxis: axis(plot.axis), yaxis: axis("", rows(element, plot.labels)) })];
  };

  const lines = (element, plot, [which]) => {
    const traces = plot.choices[which].series.map((one) => ({
      type: "scatter",
      mode: "lines",
      name: short(one.label, 40),
      x: one.x,
      y: plot.log ? one.y.map((value) => value || null) : one.y,
      line: { color: series(number(one.label)), dash: DASHES[Math.floor(number(one.label) / 8) % DASHES.length], width: 2 },
      hovertemplate: `${plain(one.label)}: %{y:.4~g}<extra></extra>`,
    }));
    const y = axis(plot.y, plot.log ? { type: "log", dtick: 1 } : {});
    return [traces, layout(element, 380, { showlegend: true, xaxis: axis(plot.x, { range: [0, 1] }), yaxis: y })];
  };

  const KIND = { scatter, ranks, forest, lines };
  const drawn = new Map();

  // Which axes can be chosen: lists of titles, with a name for each list.
  const choices = (plot) => {
    if (plot.kind === "scatter") return [["across", plot.x], ["upwards", plot.y]];
    return plot.kind === "lines" ? [["show", plot.choices]] : [];
  };
  const draw = (element) => {
    const { plot, selects } = drawn.get(element);
    const [traces, made] = KIND[plot.kind](element, plot, selects.map((select) => select.selectedIndex));
    Plotly.react(element, traces, made, CONFIG);
  };
  const build = (holder, plot) => {
    const element = document.createElement("div");
    element.className = "drawing";
    element.role = "img";
    element.ariaLabel = holder.dataset.alt;
    const controls = document.createElement("div");
    controls.className = "filters";
    const selects = choices(plot).map(([title, options]) => {
      const label = document.createElement("label");
      const select = document.createElement("select");
      select.append(...options.map((option) => new Option(option.title)));
      select.addEventListener("change", () => draw(element));
      label.append(`${title} `, select);
      if (options.length > 1) controls.append(label);
      return select;
    });
    holder.replaceChildren(...(controls.children.length ? [controls] : []), element);
    drawn.set(element, { plot, selects });
    draw(element);
    resized.observe(element);
  };
  // A plot fits its place, whose width changes with the window.
  const widths = new WeakMap();
  const resized = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const before = widths.get(target);
      widths.set(target, contentRect.width);
      if (before !== undefined && contentRect.width && before !== contentRect.width) draw(target);
    }
  });
  theme.onChange(() => drawn.forEach((_, element) => draw(element)));
  return { build };
})();
