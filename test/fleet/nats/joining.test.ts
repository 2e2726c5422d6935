// A door joins over a real NATS server, with the credentials of its invite first and its own ones then: they suffice, and allow nothing else.
import { expect, it, onTestFinished } from 'vitest';
import type { NatsAccess } from '../../../src/fleet/nats/connection-options.js';
import { NatsLog } from '../../../src/fleet/nats/nats-log.js';
import { decodeToken } from '../../../src/fleet/invites.js';
import { writeReport } from '../../../src/fleet/report.js';
import { nameMembership, nameReport, nameWelcome } from '../../../src/fleet/subjects.js';
import { natsServerPath, startFleetServer } from '../fleet-server.js';
import { makeReport, openDisk, START_MS, startAuthority, startDoor, Time } from '../members.js';

it.skipIf(natsServerPath === undefined)('a door joins, reports, and is removed over a NATS server', async () => {
  const running = await startFleetServer();
  onTestFinished(() => running.server.end());
  const connect = async (access: NatsAccess): Promise<NatsLog> => {
    const log = await NatsLog.connect({ access, fleet: running.fleet });
    onTestFinished(() => log.close());
    return log;
  };
  const [time, log] = [new Time(), await connect(running.makeAuthorityAccess())];
  await log.createStreams();
  const authority = await startAuthority({ time, disk: await openDisk(time), log });
  const group = authority.groups.add('staff', await authority.state.findFleetGroup('staff'));

  const { token } = await authority.invites.invite({ actor: 'cli' });
  const { join } = decodeToken(token, START_MS);
  const invited = await connect(running.makeInviteAccess(join));
  const disk = await openDisk(time);
  const asking = await startDoor({ time, disk, log: invited });
  const { door: id } = await asking.join.begin(token, { actor: 'cli' });
  expect(await asking.step()).toBe('waiting');
  expect(await authority.desk.receive()).toMatchObject([{ id, state: 'waiting' }]);
  await authority.desk.approve(id, { actor: 'cli' });
  expect(await asking.step()).toBe('approved');
  for (const subject of [nameMembership(id), nameWelcome(id)]) await expect(invited.get(subject)).rejects.toThrow();
  await expect(invited.put(nameReport(id), Buffer.from('x'))).rejects.toThrow();

  const own = await connect(running.makeDoorAccess(id));
  const door = await startDoor({ time, disk, log: own });
  expect(await door.membership.read(own)).toEqual({ outcome: 'unchanged' });
  expect(door.joined.findEpochKey(group.group, 1)).toEqual(group.epochKeys.get(1));
  await own.put(nameReport(id), await writeReport(door.joined, makeReport()));
  expect(await authority.reports.receive(id)).toMatchObject({ door: id });
  // The answer has arrived: nothing is left of the way in.
  await authority.desk.receive();
  expect([await log.get(`join.${join}`), await log.get(nameWelcome(join))]).toEqual([undefined, undefined]);

  await authority.memberships.remove(id, { actor: 'cli' });
  expect(await door.membership.read(own)).toEqual({ outcome: 'removed' });
});
