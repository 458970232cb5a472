// Tables: sorted, searched and paged by DataTables. Cells hold text from records, so all of it is escaped here.
const tables = (() => {
  const PAGE = 20;
  const SHORT = 8;
  const escape = (text) =>
    String(text).replace(/[&<>"']/g, (mark) => `&#${mark.codePointAt(0)};`);

  const textOf = (cell) => {
    if (cell === null) return "—";
    if (Array.isArray(cell)) return cell[0];
    return typeof cell === "object" ? cell.to.slice(0, SHORT) : cell;
  };
  const shown = (cell) => {
    const text = escape(textOf(cell));
    if (cell !== null && typeof cell === "object" && cell.to !== undefined) return `<a href="#record=${escape(cell.to)}">${text}</a>`;
    const best = Array.isArray(cell) && cell[2] === 1;
    return best ? `<b class="best">${text}<span class="unseen"> may be the best</span></b>` : text;
  };
  const render = (cell, type) => {
    if (type === "display") return shown(cell);
    if ((type === "sort" || type === "type") && Array.isArray(cell)) return cell[1];
    if ((type === "sort" || type === "type") && cell === null) return -Infinity;
    if (typeof cell === "number") return cell;
    return escape(textOf(cell));
  };

  const named = (column) => (column.unit ? `${column.name} (${column.unit})` : column.name);
  const header = (column) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = named(column);
    if (column.better) {
      const arrow = document.createElement("span");
      arrow.ariaHidden = "true";
      arrow.textContent = column.better === "higher" ? "\u00a0↑" : "\u00a0↓";
      const words = document.createElement("span");
      words.className = "unseen";
      words.textContent = `, ${column.better} is better`;
      cell.append(arrow, words);
    }
    return cell;
  };

  // A list of a column's values, to show the rows of one of them.
  const filter = (api, column, title) => {
    const label = document.createElement("label");
    const select = document.createElement("select");
    const values = [...new Set(api.column(column).data().toArray().map(textOf))].sort();
    select.append(new Option("all", ""), ...values.map((value) => new Option(value || "none", value)));
    select.addEventListener("change", () => {
      const all = select.selectedIndex === 0;
      api.column(column).search(all ? "" : (text) => text === select.value, { exact: !all });
      api.draw();
    });
    label.append(`${title} `, select);
    return values.length > 1 ? label : null;
  };

  const build = (holder, grid) => {
    const table = document.createElement("table");
    const caption = table.createCaption();
    caption.className = "unseen";
    caption.textContent = grid.caption;
    const row = table.createTHead().insertRow();
    row.append(...grid.columns.map(header));
    table.createTBody();
    holder.replaceChildren(table);
    const filters = document.createElement("div");
    filters.className = "filters";
    const api = new DataTables.jQuery(table).DataTable({
      data: grid.rows,
      columns: grid.columns.map((column) => ({
        render,
        ariaTitle: column.better ? `${named(column)}, ${column.better} is better` : named(column),
        type: column.number ? "num" : "string",
        className: column.number ? "number" : column.wide ? "words wide" : "words",
      })),
      order: [],
      autoWidth: false,
      deferRender: true,
      paging: grid.rows.length > PAGE,
      pageLength: PAGE,
      layout: { topStart: "search", topEnd: () => filters, bottomStart: "info", bottomEnd: "paging" },
      language: {
        search: "Find",
        emptyTable: "Nothing here.",
        zeroRecords: "No row has that.",
        info: "_START_ to _END_ of _TOTAL_",
        infoEmpty: "0 of 0",
        infoFiltered: "(_MAX_ in all)",
      },
    });
    grid.columns.forEach((column, i) => {
      const label = column.filter ? filter(api, i, column.name) : null;
      if (label) filters.append(label);
    });
    const region = table.parentElement;
    region.classList.add("sideways");
    region.tabIndex = 0;
    region.role = "group";
    region.ariaLabel = grid.caption;
    holder.querySelector("nav")?.setAttribute("aria-label", `pages of ${grid.caption}`);
    return api;
  };
  return { build };
})();
