// Registered models: what can be changed of one and of its versions, all by the REST API.
import { api, asked, attempt, confirmed, dialog, getJSON, given, h, mayWrite, onKey, Refused, toast } from "./page.js";

const model = document.getElementById("model") ? given("model") : null;
const verbs = model?.version ? "model-versions" : "registered-models";
const it = model && { name: model.name, ...(model.version ? { version: model.version } : {}) };
const page = (name) => `/models/${encodeURIComponent(name)}`;

/** Does it, and shows the page as it is then, or another one. */
async function change(action, next) {
  if (await attempt(action)) next ? location.assign(next()) : location.reload();
}

/** Asks for what is in `fields`, by their labels; whether it was confirmed. */
async function filled(title, word, fields, kind = "primary") {
  const rows = Object.entries(fields).map(([label, field]) => h("label", {}, label, field));
  const done = await dialog(title, h("div", { class: "fields" }, rows), [[word, kind, "yes"], ["Cancel", "", null]]);
  return done === "yes";
}

function input(value = "", more = {}) {
  const field = h("input", more);
  field.value = value;
  return field;
}

function choice(values, chosen) {
  return h("select", {}, values.map((value) => h("option", { value, selected: value === chosen }, value)));
}

/** What never comes back is deleted only by who types its name. */
async function typed(title, name) {
  const field = input();
  if (!(await filled(title, "Delete", { [`This is for good. Type ${name}`]: field }, "danger"))) return false;
  if (field.value !== name) toast("Nothing was deleted: that is another name", { fault: true });
  return field.value === name;
}

async function pointAlias(title, alias) {
  const name = input(alias ?? "");
  const number = input(model.version ?? model.aliases[alias] ?? String(model.newest), { inputmode: "numeric" });
  const fields = { ...(alias ? {} : { Alias: name }), ...(model.version ? {} : { Version: number }) };
  if (!(await filled(title, "Save", fields))) return;
  await change(() => api("registered-models/alias", { name: model.name, alias: name.value.trim(), version: number.value.trim() }));
}

async function register() {
  const query = new URLSearchParams(location.search);
  const of = input(query.get("register") ?? "", { placeholder: "runs:/RUN/PATH or models:/m-ID", required: true });
  const known = h("datalist", { id: "known" }, given("names").map((value) => h("option", { value })));
  const name = input(model?.name ?? "", { list: "known", required: true });
  document.body.append(known);
  const done = await filled("Register a version", "Register", { "Model of a run": of, "Registered model, new or known": name });
  known.remove();
  if (!done) return;
  await change(async () => {
    const { source, run_id, model_id } = await getJSON(`/models/:origin?of=${encodeURIComponent(of.value.trim())}`);
    try {
      await api("registered-models/create", { name: name.value });
    } catch (error) {
      if (!(error instanceof Refused) || error.code !== "RESOURCE_ALREADY_EXISTS") throw error;
    }
    await api("model-versions/create", { name: name.value, source, run_id, model_id });
  }, () => page(name.value));
}

const actions = {
  register,
  "add-alias": () => pointAlias("Add an alias"),
  "move-alias": ({ alias }) => pointAlias(`Move @${alias}`, alias),
  async "remove-alias"({ alias }) {
    if (!(await confirmed(`Remove the alias @${alias}?`, "Remove"))) return;
    await change(() => api("registered-models/alias", { name: model.name, alias }, "DELETE"));
  },
  async describe() {
    const text = h("textarea", {});
    text.value = model.description;
    if (await filled("Description", "Save", { Description: text })) {
      await change(() => api(`${verbs}/update`, { ...it, description: text.value }, "PATCH"));
    }
  },
  async "add-tag"() {
    const [key, value] = [input(), input()];
    if (await filled("Add a tag", "Save", { Key: key, Value: value })) {
      await change(() => api(`${verbs}/set-tag`, { ...it, key: key.value, value: value.value }));
    }
  },
  "remove-tag": ({ key }) => change(() => api(`${verbs}/delete-tag`, { ...it, key }, "DELETE")),
  async rename() {
    const name = await asked("Rename the model", "Name", model.name, "Rename");
    if (name) await change(() => api("registered-models/rename", { name: model.name, new_name: name }), () => page(name));
  },
  async stage({ version, stage }) {
    const [chosen, archive] = [choice(model.stages, stage), h("input", { type: "checkbox" })];
    chosen.addEventListener("change", () => (archive.disabled = !["Staging", "Production"].includes(chosen.value)));
    chosen.dispatchEvent(new Event("change"));
    const fields = { Stage: chosen, "Archive the others that are in it": archive };
    if (!(await filled(`Stage of version ${version}`, "Move", fields))) return;
    await change(() => api("model-versions/transition-stage", {
      name: model.name, version, stage: chosen.value, archive_existing_versions: archive.checked && !archive.disabled,
    }));
  },
  async "delete-model"() {
    if (await typed("Delete the model with all its versions", model.name)) {
      await change(() => api("registered-models/delete", { name: model.name }, "DELETE"), () => "/models");
    }
  },
  async "delete-version"({ version }) {
    if (await typed(`Delete version ${version} of the model`, model.name)) {
      await change(() => api("model-versions/delete", { name: model.name, version }, "DELETE"), () => page(model.name));
    }
  },
  compare: () => location.assign(`${page(model.name)}/compare?versions=${chosen().join()}`),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) actions[button.dataset.do](button.dataset);
});

const chosen = () => [...document.querySelectorAll("[name=version]:checked")].map((box) => box.value);

/** The button that compares says of how many. */
function tellChosen() {
  const count = chosen().length;
  document.querySelector("[data-do=compare]").disabled = count < 2;
  document.getElementById("chosen").textContent = count ? `${count} chosen` : "Choose two or more to compare them";
}
const versions = document.getElementById("versions");
if (versions) {
  versions.addEventListener("change", tellChosen);
  tellChosen(); // a page that is gone back to keeps its choices
  onKey("c", "Compare the chosen versions", () => chosen().length > 1 && actions.compare());
}
if (mayWrite && document.getElementById("names")) {
  onKey("n", "Register a version", register);
  if (new URLSearchParams(location.search).has("register")) register();
}
