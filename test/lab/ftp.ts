/**
 * FTP in the lab: vsftpd from Debian as a real server that lets anybody download, and curl as client in
 * each of the four ways a data connection comes about.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inBrackets } from "./client_common.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import type { LabProcess } from "./process.ts";
import { waitFor } from "./wait.ts";

const START_LIMIT_MS = 10_000;
const FETCH_LIMIT_S = 10;
/** Size of the file `big`, bytes, and how fast a client gets it: a transfer of ten seconds. */
export const BIG_BYTES = 3_000_000;
const RATE_BYTES = 300_000;

/** Who opens the data connection, and by which command: EPSV, PASV, EPRT, PORT (RFC 959, RFC 2428). */
export const ftpModes = {
  epsv: [],
  pasv: ["--disable-epsv"],
  eprt: ["--ftp-port", "-"],
  port: ["--ftp-port", "-", "--disable-eprt"],
} as const satisfies Record<string, readonly string[]>;
/** See {@link ftpModes}. */
export type FtpMode = keyof typeof ftpModes;

/** Starts vsftpd on a machine, port 21 of all its addresses: `name.txt` names it, `big` is long. */
export async function startFtpServer(lab: Lab, host: Host): Promise<LabProcess> {
  const folder = join(lab.scratch, `vsftpd-${host.name}`);
  const root = join(folder, "root");
  for (const path of [root, join(folder, "empty")]) mkdirSync(path, { recursive: true });
  writeFileSync(join(root, "name.txt"), `Test Page of ${host.name}\n`);
  writeFileSync(join(root, "big"), new Uint8Array(BIG_BYTES));
  writeFileSync(join(folder, "vsftpd.conf"), configuration(folder));
  const server = host.start(["vsftpd", join(folder, "vsftpd.conf")], { label: "vsftpd" });
  await waitFor(async () => (await host.run("ss", "-Hlnt", "sport = :21")) !== "", {
    what: `vsftpd on ${host.name} listens`,
    limitMs: START_LIMIT_MS,
  });
  return server;
}

/** Downloads `name.txt`; returns the server's name. Throws with curl's complaint. */
export async function ftpServerName(host: Host, address: string, mode: FtpMode): Promise<string> {
  const text = await host.run(...curl(mode), `ftp://${inBrackets(address)}/name.txt`);
  const name = /Test Page of ([\w.-]+)/.exec(text)?.[1];
  if (name === undefined) throw new Error(`fetch name.txt: it says "${text.trim()}"`);
  return name;
}

/**
 * Starts a download of `big` and after it, on the same control connection, of `name.txt`. The process
 * ends with status 0 when both arrived; each `onSize` gets one file's size in bytes.
 */
export function startDownload(
  host: Host,
  options: {
    readonly address: string;
    readonly mode: FtpMode;
    readonly onSize: (bytes: number) => void;
  },
): LabProcess {
  const base = `ftp://${inBrackets(options.address)}`;
  return host.start([
    ...["curl", "-sS", "--write-out", "%{size_download}\\n", ...ftpModes[options.mode]],
    ...[`${base}/big`, "-o", "/dev/null", `${base}/name.txt`, "-o", "/dev/null"],
  ], { label: `ftp-${options.mode}`, onLine: (line) => options.onSize(Number(line)) });
}

function curl(mode: FtpMode): string[] {
  return ["curl", "-sS", "--max-time", String(FETCH_LIMIT_S), ...ftpModes[mode]];
}

/** Without its sandboxes, which want more of the kernel than the guest's has. */
function configuration(folder: string): string {
  return `
listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=YES
local_enable=NO
no_anon_password=YES
anon_root=${folder}/root
anon_max_rate=${RATE_BYTES}
secure_chroot_dir=${folder}/empty
connect_from_port_20=YES
xferlog_enable=NO
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
`.trimStart();
}
