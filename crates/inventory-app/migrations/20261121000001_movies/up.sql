CREATE TABLE movies (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title TEXT NOT NULL CONSTRAINT movies_title_length CHECK (char_length(title) BETWEEN 1 AND 255),
    description TEXT CONSTRAINT movies_description_length CHECK (char_length(description) <= 10000)
);
