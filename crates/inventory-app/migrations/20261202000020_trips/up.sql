CREATE SCHEMA trips;

CREATE TABLE trips.trips (
    id UUID PRIMARY KEY,
    bike_id TEXT NOT NULL,
    user_id UUID, -- NULL: the operator's
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ CONSTRAINT trips_end CHECK (ended_at >= started_at)
);

CREATE UNIQUE INDEX trips_one_running ON trips.trips (bike_id) WHERE ended_at IS NULL;
CREATE INDEX trips_of_bike ON trips.trips (bike_id, started_at);
CREATE INDEX trips_of_user ON trips.trips (user_id, id);

CREATE TABLE trips.locations (
    trip_id UUID NOT NULL REFERENCES trips.trips,
    recorded_at TIMESTAMPTZ NOT NULL,
    longitude DOUBLE PRECISION NOT NULL CONSTRAINT locations_longitude CHECK (longitude BETWEEN -180 AND 180),
    latitude DOUBLE PRECISION NOT NULL CONSTRAINT locations_latitude CHECK (latitude BETWEEN -90 AND 90),
    PRIMARY KEY (trip_id, recorded_at) -- a repeated event adds nothing
);
