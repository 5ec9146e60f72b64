"use strict";
(() => {
  // Tooltips: take over the <title> elements, which browsers show late and small.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const tips = new Map();
  for (const title of document.querySelectorAll("svg title")) {
    tips.set(title.parentNode, title.textContent);
    title.remove();
  }
  const place = (event) => {
    const gap = 14, box = tip.getBoundingClientRect();
    const right = event.clientX + gap + box.width < innerWidth;
    const below = event.clientY + gap + box.height < innerHeight;
    tip.style.left = Math.max(4, right ? event.clientX + gap : event.clientX - gap - box.width) + "px";
    tip.style.top = Math.max(4, below ? event.clientY + gap : event.clientY - gap - box.height) + "px";
  };
  const light = (net, on) => {
    for (const other of document.querySelectorAll("[data-net]"))
      other.classList.toggle("lit", on && other.dataset.net === net);
  };
  document.addEventListener("pointerover", (event) => {
    const text = tips.get(event.target);
    tip.hidden = text === undefined;
    if (text !== undefined) { tip.textContent = text; place(event); }
    const tied = event.target.closest && event.target.closest("[data-net]");
    light(tied ? tied.dataset.net : "", Boolean(tied));
  });
  document.addEventListener("pointermove", (event) => { if (!tip.hidden) place(event); });

  // Sorting: inside each body, so that baselines stay apart.
  const number = (row, column) => {
    const value = row.cells[column] && row.cells[column].dataset.value;
    return value === undefined ? NaN : Number(value);
  };
  const sort = (head, column) => {
    const down = head.getAttribute("aria-sort") !== "descending";
    for (const other of head.closest("thead").querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    for (const body of head.closest("table").tBodies) {
      const rows = [...body.rows].filter((row) => !row.classList.contains("divider"));
      rows.sort((a, b) => {
        const x = number(a, column), y = number(b, column);
        if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
        return down ? y - x : x - y;
      });
      body.append(...rows);
    }
  };
  for (const table of document.querySelectorAll("table.results"))
    table.querySelectorAll("th[data-sort]").forEach((head, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(head, index + 1));
    });

  // Copying.
  for (const block of document.querySelectorAll(".copy")) {
    const text = block.textContent;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-button";
    button.textContent = "copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "copied";
      } catch {
        button.textContent = "select and copy";
      }
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    if (block.tagName === "PRE") block.append(button); else block.after(button);
  }
})();
