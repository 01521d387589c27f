/**
 * Floods a UDP port from a process of its own: `ADDRESS PORT MS HEX`, the bytes again and again with an end that
 * differs.
 */
const [address = "", port = "", ms = "", hex = ""] = process.argv.slice(2);
const socket = await Bun.udpSocket({ hostname: "127.0.0.9", socket: {} });
const bytes = new Uint8Array(Buffer.from(hex, "hex"));
const endMs = performance.now() + Number(ms);
let sent = 0;
while (performance.now() < endMs) {
  for (let count = 0; count < 200; count++) {
    bytes[bytes.length - 1] = sent;
    bytes[bytes.length - 2] = sent >> 8;
    if (socket.send(bytes, Number(port), address)) sent++;
  }
  await Bun.sleep(0);
}
console.log(sent);
process.exit();
