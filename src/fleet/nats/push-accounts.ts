// Sends the accounts of a fleet to its NATS server: the server puts them in place of its own ones, and cuts the users who are revoked.
import { connect } from '@nats-io/transport-node';
import { AppError } from '../../errors.js';
import type { EncodedAccount } from './accounts.js';
import { makeConnectionOptions, NATS_TIMEOUT_MS, type NatsAccess } from './connection-options.js';
import { CLAIMS_UPDATE } from './credentials.js';

/** @param access with the credentials of `makeSystemCredentials` @throws AppError FLEET_UNREACHABLE: the server did not take all of them */
export async function pushAccounts(access: NatsAccess, accounts: readonly EncodedAccount[]): Promise<void> {
  try {
    const connection = await connect(makeConnectionOptions(access));
    try {
      for (const { name, jwt } of accounts) {
        const answer = await connection.request(CLAIMS_UPDATE, jwt, { timeout: NATS_TIMEOUT_MS });
        const { error } = answer.json<{ error?: { description?: string } }>();
        if (error) throw new Error(`the account ${name}: ${error.description ?? 'refused'}`);
      }
    } finally {
      await connection.close();
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `the NATS server of the fleet did not take the accounts: ${reason}`;
    throw new AppError('FLEET_UNREACHABLE', message, { cause });
  }
}
