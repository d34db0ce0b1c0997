// The packages of a run's environment are searched as one types; the search is in the address.
import { setQuery } from "./page.js";

const field = document.getElementById("package-search");
const rows = [...document.querySelectorAll("#packages tbody tr")];

function search() {
  const wanted = field.value.trim().toLowerCase();
  let found = 0;
  for (const row of rows) {
    row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    found += !row.hidden;
  }
  document.getElementById("package-count").textContent = `${found} of ${rows.length}`;
  setQuery({ package: wanted });
}
if (field) {
  field.value = new URLSearchParams(location.search).get("package") ?? "";
  if (field.value) search();
  field.addEventListener("input", search);
}
