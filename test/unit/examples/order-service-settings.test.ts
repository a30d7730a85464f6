import assert from 'node:assert/strict';
import { pruneIntervalMs, readSettings } from '../../../examples/order-service/settings.ts';

describe('the settings of the order service of the examples', () => {
  it('has defaults, for what is empty too', () => {
    const settings = readSettings({});
    assert.ok('PORT' in settings);
    assert.deepEqual([settings.PORT, settings.OUTBOX_RETENTION_SECONDS], [3_100, 604_800]);
    assert.deepEqual(readSettings({ PORT: '', AMQP_URL: '' }), settings);
  });

  it('refuses what is no number, with a line that names the variable', () => {
    for (const OUTBOX_RETENTION_SECONDS of ['abc', '-1', '1e3', '9'.repeat(20)]) {
      assert.deepEqual(readSettings({ OUTBOX_RETENTION_SECONDS }), [
        `OUTBOX_RETENTION_SECONDS="${OUTBOX_RETENTION_SECONDS}": use a whole number from 0 to 999999999`,
      ]);
    }
    assert.deepEqual(readSettings({ PORT: '70000' }), ['PORT="70000": use a whole number from 0 to 65535']);
  });

  it('prunes with a pause, however short the retention, and every hour however long', () => {
    assert.deepEqual(
      [0, 1, 60, 604_800, 999_999_999].map(pruneIntervalMs),
      [1_000, 1_000, 60_000, 3_600_000, 3_600_000],
    );
  });
});
