// A process that is a member of a fleet until it is killed: each request and each answer is one message.
import { describeError } from '../../src/errors.js';
import { startMember, type MemberOptions } from './member.js';
import { serveMember, type MemberAnswer, type MemberRequest } from './member-requests.js';

// The parent has gone, maybe before the member has started.
process.on('disconnect', () => process.exit(1));
const options = JSON.parse(process.argv[2] ?? '') as MemberOptions;
const member = await startMember(options);

process.on('message', ({ id, operation, parameters }: MemberRequest) => {
  serveMember(member, operation, parameters).then(
    (value) => send({ id, value }),
    (error: unknown) => send({ id, error: describeError(error), code: (error as { code?: string }).code ?? '' }),
  );
});
send({ id: 0 });

function send(answer: MemberAnswer): void {
  if (process.connected) process.send?.(answer);
}
