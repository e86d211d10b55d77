// The component's face to the cloud: world vouch:program/command. An error thrown here is the world's error result.
import { run as referee } from './referee.js';

export function run(payload) {
  try {
    return referee(payload);
  } catch (error) {
    // componentize-js takes the error result from a thrown object's payload.
    throw Object.assign(new Error(String(error?.message ?? error)), { payload: String(error?.message ?? error) });
  }
}
