import { createProbe } from "./src/shell/probe/probes.ts";
import { checkSchema } from "./src/core/check.ts";
const [portText, ...specs] = process.argv.slice(2);
const probe = createProbe();
for (const spec of specs) {
  const { port, ...o } = JSON.parse(spec);
  const r = await probe({ key: "k", address: "127.0.0.1", port: port ?? Number(portText), check: checkSchema.parse({ timeoutMs: 3000, ...o }) }, { clock: { now: () => performance.now(), wallMs: () => Date.now() }, signal: new AbortController().signal });
  console.log(JSON.stringify(o).slice(0, 60), "=>", JSON.stringify(r));
}
process.exit(0);
