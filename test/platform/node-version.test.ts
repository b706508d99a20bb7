import { describe, expect, test } from 'vitest';
import { checkNodeVersion } from '../../src/platform/index.ts';

describe('the Node.js version', () => {
  test.each(['22.18.0', '22.20.1', '23.0.0', '24.21.0', '100.0.0'])('%s will do', (version) => {
    expect(() => checkNodeVersion(version)).not.toThrow();
  });

  test.each(['22.17.9', '22.2.0', '20.20.2', '9.18.0'])('%s is too old', (version) => {
    expect(() => checkNodeVersion(version)).toThrow(
      `Millrace needs Node.js 22.18 or later; this is v${version}. Install a newer Node.js`,
    );
  });
});
