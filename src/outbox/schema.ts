/** What the table's trigger notifies of, and a relay listens to. */
export const OUTBOX_CHANNEL = 'order_outbox';

/**
 * The outbox's tables, for PostgreSQL 14 or newer; to run it again changes nothing. `order_outbox` holds the events, in the order of
 * their positions those of each order in that of their sequences; `order_outbox_sequences` the last sequence of each order.
 */
export const OUTBOX_DDL = `
CREATE TABLE IF NOT EXISTS order_outbox_sequences (
  order_id text PRIMARY KEY,
  sequence bigint NOT NULL CHECK (sequence >= 1)
);

CREATE TABLE IF NOT EXISTS order_outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id text NOT NULL,
  sequence bigint NOT NULL CHECK (sequence >= 1),
  event jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  published_at timestamptz,
  UNIQUE (order_id, sequence)
);

CREATE INDEX IF NOT EXISTS order_outbox_unpublished ON order_outbox (position) WHERE published_at IS NULL;
CREATE INDEX IF NOT EXISTS order_outbox_unpublished_of_order ON order_outbox (order_id, sequence) WHERE published_at IS NULL;
CREATE INDEX IF NOT EXISTS order_outbox_published ON order_outbox (published_at) WHERE published_at IS NOT NULL;

CREATE OR REPLACE FUNCTION order_outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('${OUTBOX_CHANNEL}', '');
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER order_outbox_notify AFTER INSERT ON order_outbox
  FOR EACH STATEMENT EXECUTE FUNCTION order_outbox_notify();
`;
