/**
 * The doctor's looks at the real machine. Nothing is changed: files are opened and closed, ports tried and let go.
 */
import { hookProblem } from "../events/hook_call.ts";
import { createSocket } from "node:dgram";
import { closeSync, constants, openSync } from "node:fs";
import { connect, createServer } from "node:net";
import { release } from "node:os";
import { type Libraries, openIpvs } from "../../../ffi/mod.ts";
import { type Endpoint, ipFamily } from "../../core/address.ts";
import type { Home } from "../../core/home.ts";
import { withLibraries } from "../kernel/borrowed_libraries.ts";
import { readConfigFile } from "../files/config_file.ts";
import type { DoctorTools } from "./doctor_looks.ts";
import { hostFactsOf, readTextOrNull } from "../files/host_facts.ts";
import { readKernelConfig } from "../kernel/kernel_config.ts";
import { statusOfListener } from "../process/listener_process.ts";
import { createMarkRules } from "../kernel/mark_rules.ts";

/** Longest wait for another agent to accept on its socket, ms. */
const CONNECT_MS_MAX = 1_000;

/** The tools for the machine this runs on. */
export function doctorTools(home: Home): DoctorTools {
  return {
    readText: readTextOrNull,
    canWrite,
    kernelRelease: release,
    kernelConfig: () => readKernelConfig(release()),
    hostFacts: () => hostFactsOf(home),
    readConfig: readConfigFile,
    probeLibraries: async () => {
      try {
        return { origin: await withLibraries(home, (libraries) => libraries.origin) };
      } catch (error) {
        return { problem: (error as Error).message };
      }
    },
    probeIpvs: () => withLibraries(home, ipvsProblem).catch((error: Error) => error.message),
    portProblem: (protocol, endpoint) =>
      protocol === "tcp" ? tcpProblem(endpoint) : udpProblem(endpoint),
    agentRuns: ({ socket }) => accepts(socket),
    agentStatus: ({ socket }) => statusOfListener(socket),
    markBackend: () => createMarkRules().backend(),
    hookProblem,
    wallMs: Date.now,
  };
}

/** Opens for writing and writes nothing: access(2) would ask for the wrong user, and knows no capability. */
function canWrite(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_WRONLY));
    return true;
  } catch {
    return false;
  }
}

function ipvsProblem(libraries: Libraries): string | null {
  try {
    const ipvs = openIpvs(libraries);
    try {
      ipvs.info();
      return null;
    } finally {
      ipvs.close();
    }
  } catch (error) {
    return (error as Error).message;
  }
}

function tcpProblem({ address, port }: Endpoint): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const server = createServer();
  server.once("error", (error) => resolve(bindProblem(error)));
  server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(null)));
  return promise;
}

function udpProblem({ address, port }: Endpoint): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const socket = createSocket(ipFamily(address) === 4 ? "udp4" : "udp6");
  socket.once("error", (error) => {
    resolve(bindProblem(error));
    socket.close();
  });
  socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve(null)));
  return promise;
}

/** bind(2) in words. */
function bindProblem(error: Error & { code?: string }): string {
  switch (error.code) {
    case "EADDRINUSE":
      return "in use by another program";
    case "EADDRNOTAVAIL":
      return "this machine does not have that address";
    case "EACCES":
      return "a port below 1024 needs CAP_NET_BIND_SERVICE";
    default:
      return error.message;
  }
}

function accepts(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path });
  const timer = setTimeout(() => resolve(false), CONNECT_MS_MAX);
  socket.once("connect", () => resolve(true));
  socket.once("error", () => resolve(false));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}
