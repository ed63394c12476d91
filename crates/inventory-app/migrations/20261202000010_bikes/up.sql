CREATE SCHEMA bikes;

CREATE TABLE bikes.bikes (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of lists; clients know a bike by its id
    id TEXT NOT NULL CONSTRAINT bikes_id_key UNIQUE
        CONSTRAINT bikes_id_length CHECK (char_length(id) BETWEEN 1 AND 64), -- an imported bike keeps its own
    status TEXT NOT NULL DEFAULT 'available' CONSTRAINT bikes_status CHECK (status IN ('available', 'in_use')),
    longitude DOUBLE PRECISION NOT NULL CONSTRAINT bikes_longitude CHECK (longitude BETWEEN -180 AND 180),
    latitude DOUBLE PRECISION NOT NULL CONSTRAINT bikes_latitude CHECK (latitude BETWEEN -90 AND 90),
    located_at TIMESTAMPTZ -- of the newest location event; NULL before the first
);

CREATE INDEX bikes_location ON bikes.bikes USING gist (point(longitude, latitude));

-- What the live feed sends, for as long as a listener may resume. Rows get visible in the order of their numbers,
-- because their writers hold one advisory lock until they commit.
CREATE TABLE bikes.position_changes (
    sequence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bike_id TEXT NOT NULL,
    longitude DOUBLE PRECISION NOT NULL,
    latitude DOUBLE PRECISION NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
