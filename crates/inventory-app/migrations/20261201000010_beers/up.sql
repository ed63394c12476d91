CREATE SCHEMA beers;

CREATE TABLE beers.beers (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of lists; clients know a beer by its sku
    sku TEXT NOT NULL CONSTRAINT beers_sku_key UNIQUE
        CONSTRAINT beers_sku_length CHECK (char_length(sku) BETWEEN 1 AND 255),
    name TEXT NOT NULL CONSTRAINT beers_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
    price NUMERIC(8, 2) NOT NULL CONSTRAINT beers_price_range CHECK (price BETWEEN 0 AND 999999.99),
    image TEXT CONSTRAINT beers_image_length CHECK (char_length(image) BETWEEN 1 AND 2000),
    time_created TIMESTAMPTZ NOT NULL DEFAULT now(),
    time_modified TIMESTAMPTZ NOT NULL DEFAULT now()
);
