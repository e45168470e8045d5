"use strict";
(() => {
  const drawn = new Map();

  // The data come as columns, which are half the size of rows.
  const rows = (columns) => {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  };

  // A chart takes the width it has; fewer candles fit a narrow one.
  const fitted = (document_, width) => {
    const spec = structuredClone(document_.spec);
    const inner = Math.max(120, width - document_.left - 10);
    (spec.vconcat ?? [spec]).forEach((view) => { view.width = inner; });
    const shown = spec.params?.find((one) => one.name === "shown");
    if (shown) shown.value = Math.max(30, Math.floor(inner / 4.5));
    // Text is measured before it is drawn, which needs the page's font by name.
    spec.config.font = getComputedStyle(document.body).fontFamily;
    return { ...spec, data: { values: rows(document_.columns) } };
  };

  const draw = async (element) => {
    const chart = drawn.get(element);
    if (chart.width === element.clientWidth || element.clientWidth === 0) return;
    chart.width = element.clientWidth;
    const spec = fitted(chart.document, chart.width);
    for (const select of document.querySelectorAll(`select[data-for="${element.dataset.chart}"]`)) {
      spec.params.find((one) => one.name === select.dataset.param).value = select.value;
    }
    try {
      chart.view?.finalize();
      const options = { ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: { disableDefaultStyle: true } };
      chart.view = (await vegaEmbed(element, spec, options)).view;
      // The element around it has the chart's name; its marks would be read out one by one.
      element.querySelector("svg").setAttribute("aria-hidden", "true");
    } catch (error) {
      element.textContent = "This chart could not be drawn; its table has the same values.";
      console.error(error);
    }
  };

  const watch = new ResizeObserver((entries) => entries.forEach((entry) => draw(entry.target)));
  for (const element of document.querySelectorAll(".chart")) {
    const text = document.getElementById(`data-${element.dataset.chart}`).textContent;
    drawn.set(element, { document: JSON.parse(text) });
    watch.observe(element);
  }

  for (const select of document.querySelectorAll("select[data-for]")) {
    select.addEventListener("change", () => {
      const element = document.getElementById(`chart-${select.dataset.for}`);
      drawn.get(element).view?.signal(select.dataset.param, select.value).run();
    });
  }

  const button = document.getElementById("theme");
  const themes = ["system", "light", "dark"];
  button.hidden = false;
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const next = themes[(themes.indexOf(root.dataset.theme ?? "system") + 1) % themes.length];
    root.dataset.theme = next;
    button.textContent = `Theme: ${next}`;
  });
})();
