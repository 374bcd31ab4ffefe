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

  document.addEventListener("DOMContentLoaded", () => {
    offerThemes();
    offerCopies();
    offerSearch();
  });
})();
