/**
 * A crowd at an HTTP endpoint, from a process of its own: `PORT MS KIND`. Prints how many answers came.
 */
import { createConnection, type Socket } from "node:net";

const [port = "", ms = "", kind = ""] = process.argv.slice(2);
const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
let answers = 0;
let closed = 0;

/** What each connection does once it is there. */
const kinds: Readonly<Record<string, { count: number; act(socket: Socket): void }>> = {
  crowd: {
    count: 500,
    act(socket) {
      socket.write(ask("/api/v1/status"));
      socket.on("data", () => void socket.write(ask("/api/v1/status")));
    },
  },
  pipeline: {
    count: 20,
    act(socket) {
      const many = ask("/metrics").repeat(50);
      socket.write(many);
      socket.on("data", () => socket.writableLength === 0 && void socket.write(many));
    },
  },
  "slow headers": {
    count: 1_000,
    act(socket) {
      socket.write("GET / HTTP/1.1\r\nX-Slow: ");
      setInterval(() => void socket.write("a"), 500);
    },
  },
  "slow readers": {
    count: 200,
    act(socket) {
      socket.write(ask("/large"));
      socket.pause();
    },
  },
  "huge headers": {
    count: 50,
    act: (socket) => void socket.write(`GET / HTTP/1.1\r\nX: ${"x".repeat(1_000_000)}\r\n\r\n`),
  },
};

const { count, act } = kinds[kind]!;
for (let index = 0; index < count; index++) {
  const socket = createConnection({ host: "127.0.0.1", port: Number(port) });
  socket.on("error", () => {});
  socket.on("close", () => closed++);
  socket.on("data", (bytes: Buffer) => {
    if (bytes.includes("HTTP/1.1 ")) answers++;
  });
  socket.on("connect", () => act(socket));
}
setTimeout(() => {
  console.log(JSON.stringify({ answers, closed }));
  process.exit();
}, Number(ms));
