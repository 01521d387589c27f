/** The ListenerWatch port, with sock_diag and without. Text of /proc/net: linux 6.18. */
import { expect, test } from "bun:test";
import { type DiagRequest, KernelRequestError } from "../../../ffi/mod.ts";
import { createListenerWatch } from "../../../src/shell/kernel/listener_watch.ts";
import { parseSocketFile } from "../../../src/shell/kernel/proc_sockets.ts";

const UDP = 17;

const tcp =
  `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 901 1 0
   1: 0A0200C0:0050 0B0200C0:C350 01 00000000:00000000 00:00000000 00000000     0        0 902 1 0
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 903 1 0
`;
const udp6 =
  `  sl  local_address                         remote_address                        st tx_queue
  12: B80D0120000000000000000010000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000
  13: 00000000000000000000000001000000:0000 00000000000000000000000000000000:0000 07 00000000:00000000
  14: 00000000000000000000000001000000:1234 00000000000000000000000001000000:0001 01 00000000:00000000
`;

test("parseSocketFile reads listeners and leaves connections out", () => {
  expect(parseSocketFile(tcp, "tcp")).toEqual([
    { protocol: "tcp", address: "127.0.0.1", port: 8080, v6only: false },
    { protocol: "tcp", address: "0.0.0.0", port: 80, v6only: false },
  ]);
});

test("parseSocketFile reads IPv6 addresses, whose four numbers are each turned round", () => {
  const [first] = parseSocketFile(udp6, "udp6");
  expect(first).toEqual({ protocol: "udp", address: "2001:db8::10", port: 53, v6only: false });
});

test("parseSocketFile reads nothing out of nothing", () => {
  expect(parseSocketFile("", "tcp")).toEqual([]);
});

test("list asks for both protocols in both families and leaves out sockets without a port", () => {
  const asked: string[] = [];
  const watch = createListenerWatch({
    sockets({ version, protocol }) {
      asked.push(`${version} ${protocol}`);
      const address = version === 4 ? Uint8Array.of(127, 0, 0, 1) : new Uint8Array(16);
      return [
        { address, port: 80, v6only: version === 6 },
        { address, port: 0, v6only: false },
      ];
    },
  });
  expect(watch.list()).toEqual([
    { protocol: "tcp", address: "127.0.0.1", port: 80, v6only: false },
    { protocol: "tcp", address: "::", port: 80, v6only: true },
    { protocol: "udp", address: "127.0.0.1", port: 80, v6only: false },
    { protocol: "udp", address: "::", port: 80, v6only: true },
  ]);
  expect(asked).toEqual(["4 6", "6 6", "4 17", "6 17"]);
});

test("list reads /proc where the kernel lacks the module, and does not ask it again and again", () => {
  let refusals = 0;
  const sockets = ({ protocol }: DiagRequest) => {
    if (protocol !== UDP) {
      return [{ address: Uint8Array.of(127, 0, 0, 1), port: 80, v6only: false }];
    }
    refusals++;
    throw new KernelRequestError({ operation: "list sockets", code: "ENOENT" });
  };
  const watch = createListenerWatch({ sockets }, (file) => file === "udp6" ? udp6 : "");
  for (let round = 0; round < 3; round++) {
    const found = watch.list().map(({ protocol, address, port }) =>
      `${protocol} ${address} ${port}`
    );
    expect(found).toEqual(["tcp 127.0.0.1 80", "tcp 127.0.0.1 80", "udp 2001:db8::10 53"]);
  }
  expect(refusals).toBe(2);
});

test("list passes on other errors", () => {
  const watch = createListenerWatch({
    sockets: () => {
      throw new KernelRequestError({ operation: "list sockets", code: "ENOBUFS" });
    },
  });
  expect(() => watch.list()).toThrow("ENOBUFS");
});
