/** The real clock, for tests in which time does not matter. */
import { type Clock, nodePlatform } from '../../src/platform/index.ts';

export const realClock: Clock = nodePlatform().clock;
