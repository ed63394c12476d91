-- Events, partitioned by the UTC month of their timestamp.
CREATE SCHEMA events;

-- The fixed-width columns come first: no padding. Texts compare by bytes, so that reports have the same order on any server.
CREATE TABLE events.events (
    id UUID NOT NULL, -- the time of its making, and the month of its timestamp: one partition is asked for an id
    "timestamp" TIMESTAMPTZ NOT NULL,
    client BIGINT NOT NULL,
    client_group BIGINT NOT NULL,
    valid BOOLEAN NOT NULL,
    device_type TEXT COLLATE "C" NOT NULL CONSTRAINT events_device_type_length CHECK (char_length(device_type) BETWEEN 1 AND 100),
    category TEXT COLLATE "C" NOT NULL CONSTRAINT events_category_length CHECK (char_length(category) BETWEEN 1 AND 100),
    value NUMERIC(20, 6) NOT NULL,
    PRIMARY KEY (id, "timestamp")
) PARTITION BY RANGE ("timestamp");

-- Serves a report of some clients within a time. Other filters read the partitions of their months.
CREATE INDEX events_client ON events.events (client, "timestamp");

-- A month has a partition of its own within these 30 years; what is outside of them is in one of two. So there are at most 362,
-- whatever is sent, and each event has one place: there is no default partition, whose rows would block that of their month.
CREATE TABLE events.events_before PARTITION OF events.events FOR VALUES FROM (MINVALUE) TO ('2010-01-01 00:00:00+00');
CREATE TABLE events.events_after PARTITION OF events.events FOR VALUES FROM ('2040-01-01 00:00:00+00') TO (MAXVALUE);

-- Makes the partition of a month, unless it is there. Two callers at once wait for each other. It is made beside the table and
-- attached, because that lets readers and writers go on: `CREATE TABLE ... PARTITION OF` would lock them out.
CREATE FUNCTION events.add_month(month DATE) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
    name TEXT := 'events_' || to_char(month, 'YYYY_MM');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('events.add_month', 0));
    IF to_regclass(format('events.%I', name)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE events.%I (LIKE events.events INCLUDING ALL)', name);
    EXECUTE format('ALTER TABLE events.events ATTACH PARTITION events.%I FOR VALUES FROM (%L) TO (%L)', name,
        month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
END
$$;
