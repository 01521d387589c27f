/**
 * The probe of every kind of check.
 */
import type { CheckKind } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import type { ProbeContext } from "./attempt.ts";
import { probeAgent } from "./agent.ts";
import { probeChat } from "./chat.ts";
import { probeDns } from "./dns.ts";
import { probeExternal } from "./external.ts";
import { probeFile } from "./file.ts";
import { probeFtp } from "./ftp.ts";
import { probeGrpc } from "./grpc.ts";
import { probeHttp } from "./http.ts";
import { probeImap } from "./imap.ts";
import { probeLdap } from "./ldap.ts";
import { probeMysql } from "./mysql.ts";
import { probeNntp } from "./nntp.ts";
import { createPatterns } from "./patterns.ts";
import { probePing } from "./ping.ts";
import { probePop3 } from "./pop3.ts";
import { probePostgresql } from "./postgresql.ts";
import type { ProbeOf, ProbeTools } from "./probe.ts";
import { probeRedis } from "./redis.ts";
import { probeRadius } from "./radius.ts";
import { probeSip } from "./sip.ts";
import { probeSmtp } from "./smtp.ts";
import { probeTcp } from "./tcp.ts";
import { probeTls } from "./tls.ts";
import { createTrust } from "./trust.ts";
import { probeUdp } from "./udp.ts";

/** Makes one probe: resolves with its result, or null when it says nothing about the target. Never rejects. */
export type Probe = (target: ProbeTarget, context: ProbeContext) => Promise<ProbeResult | null>;

const probes: { readonly [Kind in CheckKind]: ProbeOf<Kind> } = {
  none: () => Promise.resolve({ ok: true, reason: "not checked, as configured", tookMs: 0 }),
  tcp: probeTcp,
  http: probeHttp,
  https: probeHttp,
  tls: probeTls,
  chat: probeChat,
  agent: probeAgent,
  grpc: probeGrpc,
  udp: probeUdp,
  dns: probeDns,
  ping: probePing,
  smtp: probeSmtp,
  imap: probeImap,
  pop3: probePop3,
  ftp: probeFtp,
  nntp: probeNntp,
  ldap: probeLdap,
  mysql: probeMysql,
  postgresql: probePostgresql,
  redis: probeRedis,
  external: probeExternal,
  file: probeFile,
  radius: probeRadius,
  sip: probeSip,
};

/** Real probes of every kind. `authorities` are certificates (PEM) that are trusted besides the system's. */
export function createProbe(authorities: readonly string[] = []): Probe {
  const tools: ProbeTools = {
    pattern: createPatterns(),
    secureContext: createTrust({ now: () => performance.now() }, authorities),
  };
  return (target, context) => {
    // The table gives each kind its own probe, which the type of a lookup cannot say.
    const probe = probes[target.check.kind] as ProbeOf<CheckKind>;
    return probe(target, { ...context, ...tools });
  };
}
