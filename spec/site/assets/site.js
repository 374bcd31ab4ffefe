// Theme, copying, search. Every page reads without this script.
"use strict";
(() => {
  const root = document.documentElement;
  const remembered = (value) => {
    try {
      return value === undefined ? localStorage.getItem("theme") : localStorage.setItem("theme", value);
    } catch {
      return null; // nothing is remembered where nothing may be stored
    }
  };
  const prefersDark = () => matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = remembered() || (prefersDark() ? "dark" : "light");

  const offerThemes = () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const label = () => { button.textContent = root.dataset.theme === "dark" ? "Light" : "Dark"; };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
      remembered(root.dataset.theme);
      label();
    });
    label();
  };

  const offerCopies = () => {
    if (!navigator.clipboard) return;
    for (const box of document.querySelectorAll(".copyable")) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(box.querySelector("code").textContent);
        button.textContent = "Copied";
      });
      box.append(button);
    }
  };

  const plain = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");

  const score = ([title, , kind, more], words) => {
    const [head, id, rest] = [plain(title), plain(kind), plain(more)];
    let sum = 0;
    for (const word of words) {
      if (head === word || id === word) sum += 100;
      else if (head.startsWith(word) || id.endsWith(`.${word}`)) sum += 20;
      else if (head.includes(word) || id.includes(word)) sum += 10;
      else if (rest.includes(word)) sum += 1;
      else return 0;
    }
    return sum;
  };

  const offerSearch = () => {
    const [field, list, count] = ["query", "results", "count"].map((id) => document.getElementById(id));
    if (!list || !window.searchIndex) return;
    const show = () => {
      const words = plain(field.value).split(/\s+/).filter(Boolean);
      const hits = words.length ? window.searchIndex.map((record) => [score(record, words), record]).filter(([sum]) => sum > 0) : [];
      hits.sort(([a], [b]) => b - a);
      count.textContent = words.length ? `${hits.length} results${hits.length > 60 ? ", the first 60" : ""}` : "";
      list.replaceChildren(...hits.slice(0, 60).map(([, [title, address, kind]]) => {
        const item = document.createElement("li"), link = document.createElement("a"), where = document.createElement("span");
        link.href = address;
        link.textContent = title;
        where.className = "where";
        where.textContent = kind;
        item.append(link, where);
        return item;
      }));
    };
    field.value = new URLSearchParams(location.search).get("q") || "";
    field.addEventListener("input", show);
    show();
  };

  // A picture with sliders is drawn again by the formulas of its page, in the box and the limits of the axes.
  const lines = {
    curve: ({ points: [start, end, step], along }, { function: name, arguments: names }, values) => {
      const count = Math.round((end - start) / step);
      return Array.from({ length: count + 1 }, (_, index) => {
        const x = start + index * step;
        return [x, window.formulas[name](...names.map((argument) => (argument === along ? x : values[argument])))];
      });
    },
    run: ({ steps, start }, { function: name, arguments: names }, values) => {
      const numbers = names.slice(start.length + 1).map((argument) => values[argument]);
      let state = start;
      const points = [[0, start[0]]];
      for (let step = 1; step <= steps; step += 1) {
        const [theta, ...memory] = state;
        state = [window.formulas[name](theta, values.curvature * theta, ...memory, ...numbers)].flat();
        points.push([step, state[0]]);
      }
      return points;
    },
  };

  const drawAgain = (figure, drawing, values) => {
    const [left, bottom, right, top] = drawing.box;
    const [x0, x1, y0, y1] = drawing.limits;
    const place = ([x, y]) => {
      const height = Math.min(Math.max((y - y0) / (y1 - y0), -9), 9); // far outside is outside
      return `${(left + ((x - x0) / (x1 - x0)) * (right - left)).toFixed(2)} ${(bottom + height * (top - bottom)).toFixed(2)}`;
    };
    drawing.lines.forEach((line, number) => {
      const group = figure.querySelector(`#${drawing.id}-line-${number}`);
      const points = lines[drawing.kind](drawing, line, values);
      let path = "", isDown = false;
      for (const point of points) {
        if (Number.isFinite(point[1])) path += `${isDown ? "L" : "M"} ${place(point)} `;
        isDown = Number.isFinite(point[1]);
      }
      for (const mark of group.querySelectorAll("use")) mark.remove();
      group.querySelector("path").setAttribute("d", path);
    });
  };

  const offerDials = () => {
    for (const figure of document.querySelectorAll("figure.live")) {
      const drawing = JSON.parse(figure.dataset.drawing);
      const inputs = [...figure.querySelectorAll("input")];
      figure.querySelector(".dials").hidden = false;
      figure.addEventListener("input", () => {
        for (const input of inputs) input.nextElementSibling.textContent = Number(Number(input.value).toPrecision(4));
        drawAgain(figure, drawing, Object.fromEntries(inputs.map((input) => [input.name, Number(input.value)])));
      });
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    offerThemes();
    offerCopies();
    offerSearch();
    offerDials();
  });
})();
