/** `troop join`: makes this machine a node of a cluster that exists. */
import type { Command } from "commander";
import { type Endpoint, formatEndpoint, parseEndpoint, parseIp } from "../core/address.ts";
import { CLUSTER_PORT_DEFAULT, TOKEN_PATTERN } from "../core/config.ts";
import type { ConfigDraft, HelloAnswer } from "./context.ts";
import { CLUSTER_DEFAULT, describeNode, startLine } from "./init.ts";
import {
  addSetupOptions,
  type NodeSetup,
  readName,
  readSetup,
  type SetupOptions,
} from "./setup_options.ts";
import { addExamples, type Session, usage, writeLine } from "./session.ts";

interface JoinOptions extends SetupOptions {
  readonly token?: string;
  readonly cluster?: string;
  readonly offline?: boolean;
  readonly replace?: boolean;
}

/** Adds the verb. */
export function addJoin(program: Command, session: Session): void {
  const command = program.command("join")
    .summary("make this machine a node of a cluster")
    .description("Make this machine a node of a cluster: ask a member, and write this node's file.")
    .argument("<address>", "a member of the cluster: IP, IP:PORT or [IP]:PORT")
    .option(
      "--token <token>",
      "the cluster's token (`troop token` on a member); - reads it from standard input",
    )
    .option("--cluster <name>", "name of the cluster (default: the member's)")
    .option("--offline", "write the file without asking the member")
    .option("--replace", "take the place of a member that had this name or address before");
  addSetupOptions(command);
  addExamples(command, [
    "troop join 192.0.2.11 --token TOKEN",
    "troop join 192.0.2.11 --token TOKEN --interface eth0 --heartbeat 10.0.0.12",
    "troop join [2001:db8::11]:6940 --token - < token.txt",
  ]);
  command.action((address: string, options: JoinOptions) => join(session, address, options));
}

async function join(session: Session, text: string, options: JoinOptions): Promise<void> {
  const { context } = session;
  const attempted = `join ${text}`;
  const home = session.home();
  const member = readMember(attempted, text);
  const token = await readToken(session, attempted, options.token);
  const asked = options.cluster === undefined
    ? undefined
    : readName(attempted, "--cluster", options.cluster);
  context.refuseExisting(home, attempted);
  const setup = readSetup(attempted, options, await context.hostFacts(home));
  refuseSelf(attempted, member, setup);
  const answer = options.offline ? undefined : await context.hello(member, token);
  if (answer !== undefined) refuseAnswer(attempted, { answer, asked, setup, options });
  const draft: ConfigDraft = {
    cluster: answer?.cluster ?? asked ?? CLUSTER_DEFAULT,
    ...setup,
    token,
    join: [memberText(member)],
  };
  context.createConfig(home, draft, attempted);
  writeLine(context.stdout, describeNode(home, draft));
  if (answer !== undefined) {
    const names = answer.members.map((item) => item.name).sort().join(", ");
    writeLine(context.stdout, `Members that wait for it: ${names}`);
  }
  writeLine(context.stdout, `\nStart the agent:\n  ${startLine(home)}`);
}

function readMember(attempted: string, text: string): Endpoint {
  const address = parseIp(text);
  if (address !== undefined) return { address, port: CLUSTER_PORT_DEFAULT };
  const endpoint = parseEndpoint(text);
  if (endpoint !== undefined && endpoint.port > 0) return endpoint;
  throw usage(
    attempted,
    `"${text}" is not IP or IP:PORT`,
    "write the address of a member, for example 192.0.2.11, 192.0.2.11:6940 or [2001:db8::11]:6940",
  );
}

/** The text form of a member: with its port, so that a default that changes later does not change it. */
function memberText(member: Endpoint): string {
  return formatEndpoint(member);
}

/** The token; what is wrong with it is said without repeating it, because it is a secret. */
async function readToken(
  { context }: Session,
  attempted: string,
  option: string | undefined,
): Promise<string> {
  if (option === undefined) {
    throw usage(
      attempted,
      "--token is missing",
      "run `troop token` on a member; it prints the whole line to paste here",
    );
  }
  const token = (option === "-" ? await context.readStdin() : option).trim();
  if (TOKEN_PATTERN.test(token)) return token;
  throw usage(
    attempted,
    `the text after --token is not a cluster token (it has ${token.length} characters; a token is troop1- and 64 hexadecimal digits)`,
    "copy the line that `troop token` prints on a member",
  );
}

function refuseSelf(attempted: string, member: Endpoint, setup: NodeSetup): void {
  const own = member.address === setup.address &&
    member.port === (setup.port ?? CLUSTER_PORT_DEFAULT);
  if (!own) return;
  throw usage(
    attempted,
    `${formatEndpoint(member)} is this machine itself`,
    "give the address of another member, or begin a new cluster with `troop init`",
  );
}

interface Answered {
  readonly answer: HelloAnswer;
  readonly asked: string | undefined;
  readonly setup: NodeSetup;
  readonly options: JoinOptions;
}

function refuseAnswer(attempted: string, { answer, asked, setup, options }: Answered): void {
  const { cluster, members } = answer;
  if (asked !== undefined && asked !== cluster) {
    throw usage(
      attempted,
      `the cluster there is "${cluster}", not "${asked}"`,
      "leave --cluster out",
    );
  }
  if (options.replace) return;
  const named = members.find((item) => item.name === setup.name);
  if (named !== undefined) {
    throw usage(
      attempted,
      `the name "${setup.name}" belongs to the member at ${named.addresses.join(", ")}`,
      "choose another with --name, or use --replace if this machine takes that member's place",
    );
  }
  const addresses = [setup.address, ...setup.heartbeat ?? []];
  const placed = members.find((item) => item.addresses.some((ip) => addresses.includes(ip)));
  if (placed === undefined) return;
  const shared = placed.addresses.find((ip) => addresses.includes(ip));
  throw usage(
    attempted,
    `the address ${shared} belongs to the member "${placed.name}"`,
    "choose another with --address, or use --replace if this machine takes that member's place",
  );
}
