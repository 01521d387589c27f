/** The filter in front of a UDP socket, on a real one. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { attachFilter, datagramFilter } from "../../ffi/pulse_filter.ts";
import { openLibraries } from "../../ffi/mod.ts";
import { eventually } from "../support/eventually.ts";
import { tempFolder } from "../support/temp_folder.ts";

setDefaultTimeout(20_000);

const shape = {
  bytesMin: 12,
  bytesMax: 20,
  kinds: [new Map([[0, 0x41424344], [8, 0xfffffffe]]), new Map([[0, 0x45464748]])],
};

test("datagramFilter tries one kind after the other, and jumps to the end from everywhere", () => {
  expect(datagramFilter(shape).map((instruction) => [...instruction])).toEqual([
    [0x80, 0, 0, 0],
    [0x35, 0, 9, 20],
    [0x35, 8, 0, 29],
    [0x20, 0, 0, 8],
    [0x15, 0, 3, 0x41424344],
    [0x20, 0, 0, 16],
    [0x15, 0, 1, 0xfffffffe],
    [0x06, 0, 0, 0x40000],
    [0x20, 0, 0, 8],
    [0x15, 0, 1, 0x45464748],
    [0x06, 0, 0, 0x40000],
    [0x06, 0, 0, 0],
  ]);
});

test("attachFilter has the kernel drop what has another shape", async () => {
  const libraries = await openLibraries({ privateFolder: tempFolder() });
  const heard: string[] = [];
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    socket: { data: (_socket, bytes) => void heard.push(bytes.toString("latin1")) },
  });
  attachFilter(libraries, (socket as unknown as { fd: number }).fd, shape);
  const sender = await Bun.udpSocket({ hostname: "127.0.0.1", socket: {} });
  const words = [
    "ABCD....\xff\xff\xff\xfe",
    "ABCD....\xff\xff\xff\xff",
    "ABCD....\xff\xff\xff",
    "EFGH........",
    "EFGH................",
    "EFGH.................",
    "XXXX........",
    "",
    "EFGH.....end",
  ];
  for (const word of words) sender.send(Buffer.from(word, "latin1"), socket.port, "127.0.0.1");
  await eventually("the last one", () => heard.includes("EFGH.....end"));
  expect(heard).toEqual([words[0]!, words[3]!, words[4]!, words[8]!]);
  expect(() => attachFilter(libraries, -1, shape)).toThrow("filter datagrams");
  socket.close();
  sender.close();
});
