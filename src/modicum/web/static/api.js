// Everything that the page asks of its server; a refusal becomes an Error with the server's words.

async function ask(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Error("The server does not answer. Is `modicum serve` still running?");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  const error = new Error(told.message ?? `The server answered ${answer.status}.`);
  error.status = answer.status;
  throw error;
}

const json = async (address, options) => (await ask(address, options)).json();
const bytes = async (answer) => new Uint8Array(await answer.arrayBuffer());
const send = (address, method, body) =>
  json(address, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) });
const at = (id) => `/api/pictures/${encodeURIComponent(id)}`;

export const data = () => json("/api/data");
export const picture = (id) => json(at(id));
export const thumbnail = (p) => `${at(p.id)}/thumbnail?v=${p.version}`;
export const image = (p) => `${at(p.id)}/image?v=${p.version.split("-")[0]}`;
export const windows = (id) => json(`${at(id)}/windows`);
export const slice = async (p, z) => new Float32Array((await bytes(await ask(`${at(p.id)}/slices/${z}?v=${p.version.split("-")[0]}`))).buffer);
export const prediction = async (id) => bytes(await ask(`${at(id)}/prediction`));
export const nameClasses = (names, known, partly = null) => send("/api/classes", "PUT", { names, known, partly }); // `known`: until now, as the page knows them

export async function label(id) {
  const answer = await ask(`${at(id)}/label`);
  return { numbers: await bytes(answer), tag: answer.headers.get("ETag") };
}

// `tag` is that of the label which the drawing began with: another one on disk means that somebody else has saved. The answer has the
// new one. `partly`, where it is known: whether it began with pixels unmarked.
export function saveLabel(id, numbers, tag, origin, author, partly) {
  const query = new URLSearchParams({ origin, author, ...(partly !== undefined && { partly }) });
  return json(`${at(id)}/label?${query}`, { method: "PUT", headers: { "If-Match": tag }, body: numbers });
}

// `seen` says in which slice of a volume, and in which window.
export async function refine(id, box, seeds, number, seen = {}) {
  const query = new URLSearchParams({ ...box, number, ...seen });
  return bytes(await ask(`${at(id)}/refine?${query}`, { method: "POST", body: seeds }));
}

export const upload = (file) => json(`/api/pictures?${new URLSearchParams({ name: file.name })}`, { method: "POST", body: file });
export const masks = "/api/export/masks.zip";
export const measurements = "/api/export/measurements.csv";

export const recipes = () => json("/api/recipes");
export const runs = () => json("/api/runs");
export const train = (recipe, minutes, onward) => send("/api/runs", "POST", { recipe, minutes, onward });
export const stop = (number) => send(`/api/runs/${number}/stop`, "POST");
export const resume = (number) => send(`/api/runs/${number}/resume`, "POST");
export const report = (number) => `/api/runs/${number}/report`;
export const seen = (run) => `/api/runs/${run.number}/samples?v=${run.samples}`;
export const model = (number) => `/api/runs/${number}/model`;

// Calls `told` with the training whenever something of it changes; returns how to stop listening.
export function watch(number, told) {
  const source = new EventSource(`/api/runs/${number}/events`);
  source.onmessage = (event) => {
    const run = JSON.parse(event.data);
    if (run.state !== "running") source.close();
    told(run);
  };
  return () => source.close();
}
