// Searches the packages of a run's environment while typing; the search is in the address.
import { all, byId, holds, queried, setQuery } from "./page.js";

const field = byId("package-search");
const rows = all("#packages tbody tr");

function search() {
  for (const row of rows) row.hidden = !holds(row.cells[0].textContent, field.value.trim());
  byId("package-count").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  setQuery({ package: field.value.trim() });
}
if (field) {
  field.value = queried("package");
  if (field.value) search();
  field.addEventListener("input", search);
}
