/**
 * A real server behind tunnels, as a process of its own, so that it may live in a network namespace of its own: it
 * has a UDP socket on each of its VIPs, obeys commands on standard input and tells what comes on standard output, one
 * JSON document per line. Arguments: the VIPs. Ends when its input does.
 */
import { KernelRequestError } from "../../ffi/mod.ts";
import type { TunnelDevice } from "../../src/core/desired/receiving.ts";
import { createModules } from "../../src/shell/kernel/modules.ts";
import { openTunnelDevices } from "../../src/shell/kernel/tunnel_devices.ts";
import { guestLibraries } from "./guest.ts";

/** What the process is told. */
export type ReceiverCommand =
  | { readonly ensure: TunnelDevice }
  | { readonly listen: number; readonly family: 4 | 6 }
  | { readonly restore: true };

/** What the process tells: what a command came to, or a datagram's text. */
export type ReceiverLine =
  | { readonly done: boolean | null }
  | { readonly error: string }
  | { readonly ready: true }
  | { readonly received: string };

/** Port of the sockets on the VIPs. */
export const RECEIVER_PORT = 5000;

function tell(line: ReceiverLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function serve(vips: readonly string[]): Promise<void> {
  const devices = openTunnelDevices(await guestLibraries(), createModules());
  const obey = (command: ReceiverCommand) => {
    if ("ensure" in command) return devices.ensure(command.ensure);
    if ("listen" in command) devices.listen(command.listen, command.family);
    else devices.restore();
    return null;
  };
  const data = (_socket: unknown, bytes: Uint8Array) =>
    tell({ received: new TextDecoder().decode(bytes) });
  for (const hostname of vips) {
    await Bun.udpSocket({ hostname, port: RECEIVER_PORT, socket: { data } });
  }
  tell({ ready: true });
  for await (const line of console) {
    // The end of the input comes as one more line.
    if (line === "") break;
    try {
      tell({ done: obey(JSON.parse(line) as ReceiverCommand) });
    } catch (error) {
      if (!(error instanceof KernelRequestError)) throw error;
      tell({ error: error.message });
    }
  }
  devices.close();
  process.exit(0);
}

if (import.meta.main) await serve(process.argv.slice(2));
