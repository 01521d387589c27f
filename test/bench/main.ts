import { events, measure, measureConnections } from "./events.ts";
import { keepalivedSubject } from "./keepalived.ts";
import { ldirectordSubject } from "./ldirectord.ts";
const ka = keepalivedSubject("keepalived, defaults", "keepalived");
const fast = keepalivedSubject("keepalived, VRRPv3 100 ms", "keepalived_fast");
const t0 = performance.now();
async function go(f: () => Promise<unknown>) {
  try { console.log(JSON.stringify(await f()), Math.round(performance.now() - t0)); } catch (e) { console.log(e); }
}
await go(() => measure(ka, events.terminate));
await go(() => measure(ka, events.kill));
await go(() => measure(ka, events.terminate));
await go(() => measure(ka, events.webServer));
await go(() => measure(ldirectordSubject, events.webServer));
await go(() => measure(ka, events.cut));
