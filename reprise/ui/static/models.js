// Registered models: actions on a model and its versions, all by the REST API.
import { agreed, all, api, asked, byId, getJSON, getPage, h, inOrder, keepUp, mayWrite, onDo, onKey, queried, renew, root, tellTimes } from "./page.js";

const page = (name) => `${root}/models/${encodeURIComponent(name)}`;
const chosen = () => all("[name=chosen]:checked").map((box) => box.value);

const now = inOrder(() => getPage(location.pathname + location.search));

/** Shows changes made here or elsewhere; keeps the checked boxes and the focus. */
async function refresh() {
  const fresh = (await now())?.getElementById("model");
  if (!fresh) return;
  const ticked = chosen();
  tellTimes(fresh);
  if (!fresh.isEqualNode(byId("model"))) renew(byId("model"), fresh);
  for (const box of document.querySelectorAll("[name=chosen]")) box.checked = ticked.includes(box.value);
  tellChosen();
}

/** Sends the request of a button (`button` of _model_parts.html) with the values of its form. */
async function change(button) {
  const { verb, method, send, form, title, word, kind, next } = button.dataset;
  const body = JSON.parse(send);
  const content = h("div", { class: "fields" }, form ? byId(form).content.cloneNode(true) : "");
  const fields = all("[name]", content);
  for (const field of fields) field.value = body[field.name] ?? field.value;
  if (title && !(await agreed(title, content, word, kind))) return;
  for (const field of fields) body[field.name] = field.type === "checkbox" ? field.checked : field.value;
  const { typed = body.name, ...wanted } = body; // a permanent deletion needs the typed name
  if (typed !== body.name) throw new Error("Nothing was deleted: the name does not match");
  await api(verb, wanted, method);
  if (next) location.assign(root + next);
  else {
    await refresh();
    if (document.activeElement === document.body) (byId(button.id) ?? byId("main")).focus({ preventScroll: true });
  }
}

async function rename({ dataset: { name } }) {
  const wanted = await asked("Rename the model", "Name", name, "Rename");
  if (!wanted) return;
  await api("registered-models/rename", { name, new_name: wanted });
  location.assign(page(wanted));
}

async function register() {
  const content = byId("registering").content.cloneNode(true);
  const [of, name] = content.querySelectorAll("input");
  of.value ||= queried("register");
  if (!(await agreed("Register a version", content, "Register"))) return;
  const { source, run_id, model_id } = await getJSON(`${root}/models/:origin?of=${encodeURIComponent(of.value.trim())}`);
  try {
    await api("registered-models/create", { name: name.value });
  } catch (error) {
    if (error.code !== "RESOURCE_ALREADY_EXISTS") throw error;
  }
  await api("model-versions/create", { name: name.value, source, run_id, model_id });
  location.assign(page(name.value));
}

const compare = () => chosen().length > 1 && location.assign(`${location.pathname}/compare?versions=${chosen().join()}`);

/** Shows the number of selected versions next to the compare button. */
function tellChosen() {
  const count = chosen().length;
  if (!byId("chosen")) return;
  document.querySelector("[data-do=compare]").disabled = count < 2;
  byId("chosen").textContent = count ? `${count} selected` : "Select two or more to compare";
}

onDo({ change, rename, register, compare });
document.addEventListener("change", tellChosen);
if (byId("model")) keepUp(refresh, 3000);
tellChosen(); // going back to a page keeps its selection
if (byId("chosen")) onKey("c", "Compare the selected versions", compare);
if (mayWrite && byId("registering")) {
  onKey("n", "Register a version", register);
  if (queried("register")) document.querySelector("[data-do=register]").click();
}
