/**
 * A machine on the LAN that has no token: scans, repeats what it has seen, floods, and sits on connections. `SECONDS
 * PORT PCAP ADDRESS...`; runs on its own until the time is over, and prints what it sent.
 */
import { createConnection } from "node:net";
import { readFileSync } from "node:fs";

const [seconds = "", port = "", pcap = "", ...addresses] = process.argv.slice(2);
const endMs = performance.now() + 1_000 * Number(seconds);
const counts = { datagrams: 0, replayed: 0, connections: 0 };

/** UDP payloads to the port in a capture of Ethernet, IPv4 without options. */
function payloads(): Buffer[] {
  const file = readFileSync(pcap);
  const found: Buffer[] = [];
  for (let at = 24; at + 16 <= file.length;) {
    const length = file.readUInt32LE(at + 8);
    const frame = file.subarray(at + 16, at + 16 + length);
    const isUdp = frame.length > 42 && frame.readUInt16BE(12) === 0x0800 && frame[23] === 17;
    if (isUdp && frame.readUInt16BE(36) === Number(port)) {
      found.push(Buffer.from(frame.subarray(42)));
    }
    at += 16 + length;
  }
  return found;
}

async function flood(): Promise<void> {
  const socket = await Bun.udpSocket({ socket: {} });
  const seen = payloads();
  while (performance.now() < endMs) {
    for (const address of addresses) {
      for (let count = 0; count < 50; count++) {
        const size = [0, 1, 63, 64, 84, 600, 1_400][count % 7]!;
        const garbage = crypto.getRandomValues(new Uint8Array(size));
        if (socket.send(garbage, Number(port), address)) counts.datagrams++;
        // One after the other: every second one might be of one direction, and never meet whom it was for.
        const old = seen[counts.replayed % Math.max(1, seen.length)];
        if (old !== undefined && socket.send(old, Number(port), address)) counts.replayed++;
      }
    }
    await Bun.sleep(2);
  }
}

async function crowd(): Promise<void> {
  const words = [
    undefined,
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    crypto.getRandomValues(new Uint8Array(24)),
    crypto.getRandomValues(new Uint8Array(5_000)),
  ];
  while (performance.now() < endMs) {
    for (const address of addresses) {
      for (
        const where of [Number(port), Number(port), 6941, 22, 80, 1 + counts.connections % 10_000]
      ) {
        const socket = createConnection({ host: address, port: where });
        socket.on("error", () => {});
        const word = words[counts.connections++ % words.length];
        if (word !== undefined) socket.on("connect", () => void socket.write(word));
        setTimeout(() => socket.destroy(), 3_000);
      }
    }
    await Bun.sleep(50);
  }
}

await Promise.all([flood(), crowd()]);
console.log(JSON.stringify(counts));
process.exit();
