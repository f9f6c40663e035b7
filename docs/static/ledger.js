// Filters and sorts the ledger's claims, where a page has them. They are complete without it.
document.addEventListener("DOMContentLoaded", () => {
  const claims = [...document.querySelectorAll("details.claim")];
  if (!claims.length) return;
  const values = (key) =>
    [...new Set(claims.flatMap((claim) => claim.dataset[key].split("|")))].sort();
  const kinds = { paper: "Paper", verdict: "Verdict", benchmarks: "Benchmark" };
  const sorts = {
    "as in the papers": () => 0,
    "by verdict": (a, b) => a.dataset.rank - b.dataset.rank,
    "by benchmark": (a, b) => a.dataset.benchmarks.localeCompare(b.dataset.benchmarks),
    "by statement": (a, b) => said(a).localeCompare(said(b)),
  };
  const said = (claim) => claim.querySelector("summary").textContent.replace(claim.dataset.verdict, "");
  const form = document.createElement("form");
  form.className = "ledger-controls";
  form.setAttribute("role", "search");
  const add = (name, field) => {
    const label = document.createElement("label");
    field.name = name;
    label.append(name, field);
    form.append(label);
    return field;
  };
  const choice = (name, options) => {
    const field = document.createElement("select");
    for (const option of options) field.add(new Option(option, option));
    return add(name, field);
  };
  const chosen = {};
  for (const [key, name] of Object.entries(kinds)) chosen[key] = choice(name, ["all", ...values(key)]);
  // a claim about all benchmarks is "all" itself, which the first choice covers
  for (const option of [...chosen.benchmarks.options].slice(1)) if (option.value === "all") option.remove();
  const text = add("Word", Object.assign(document.createElement("input"), { type: "search" }));
  const order = choice("Order", Object.keys(sorts));
  const output = document.createElement("output");
  form.append(output);
  const list = document.createElement("div");
  claims[0].before(form, list);
  list.append(...claims);
  const show = () => {
    list.append(...[...claims].sort(sorts[order.value]));
    const word = text.value.trim().toLowerCase();
    for (const claim of claims) {
      const fits = Object.keys(kinds).every(
        (key) => chosen[key].value === "all" || claim.dataset[key].split("|").includes(chosen[key].value),
      );
      claim.hidden = !(fits && claim.textContent.toLowerCase().includes(word));
    }
    output.value = `${claims.filter((claim) => !claim.hidden).length} of ${claims.length} claims`;
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
});
