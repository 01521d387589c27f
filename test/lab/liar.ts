/**
 * A machine that has the token, and pulses in another member's name. `SECONDS PORT TOKEN NAMED BOOT ID@ADDRESS...`: the
 * node it claims to be, with this boot number, and those it tells; prints how often it did.
 */
import { encodePulse } from "../../src/core/cluster/pulse.ts";
import { deriveKey } from "../../src/shell/files/token.ts";
import { sealPulse } from "../../src/shell/pulse/pulse_seal.ts";

const [seconds = "", port = "", token = "", from = "", boot = "", ...told] = process.argv.slice(2);
const key = deriveKey(token, "pulse");
const endMs = performance.now() + 1_000 * Number(seconds);
const socket = await Bun.udpSocket({ socket: {} });
let sent = 0;
for (let sequence = 1; performance.now() < endMs; sequence++) {
  for (const one of told) {
    const [to = "", address = ""] = one.split("@");
    const pulse = encodePulse({
      ...{ from, to, sequence, boot: Number(boot), echo: 0, intervalMs: 100 },
      ...{ leaving: true, ask: true, starting: false, deaf: false, witness: "none" },
      claims: new Map(),
    });
    if (socket.send(sealPulse(key, address, pulse), Number(port), address)) sent++;
  }
  await Bun.sleep(20);
}
console.log(JSON.stringify({ sent }));
process.exit();
