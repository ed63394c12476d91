#!/usr/bin/env bash
# The reader of .env: what it understands, what wins, what it refuses.
set -euo pipefail
# shellcheck source=scripts/tests/expect.bash
source "$(dirname "${BASH_SOURCE[0]}")/expect.bash"

file=$SCRATCH/.env

value_of() { # LINE: the value that NAME gets from it
    printf '%s\n' "$1" >"$file"
    (unset NAME && load_env "$file" && printf '%s' "$NAME")
}

expect_equal "a plain value" 'a=b#c' "$(value_of 'NAME=a=b#c')"
expect_equal "a comment behind a value" 'a' "$(value_of 'NAME=a # why')"
expect_equal "spaces around" 'a' "$(value_of ' export NAME = a  ')"
expect_equal "an empty value" '' "$(value_of 'NAME=')"
expect_equal "an empty value with a comment" '' "$(value_of 'NAME= # none')"
# shellcheck disable=SC2016 # literally
expect_equal "single quotes keep everything" 'a $b `c` \d "e" #f' "$(value_of 'NAME='\''a $b `c` \d "e" #f'\'' # why')"
expect_equal "double quotes keep spaces" "it's a # b" "$(value_of 'NAME="it'\''s a # b"')"
expect_equal "a line from Windows" 'a' "$(value_of $'NAME=a\r')"

printf 'NAME=first\nNAME=second\nOTHER=x' >"$file"
expect_equal "the first of two lines wins" first "$(unset NAME && load_env "$file" && printf '%s' "$NAME")"
expect_equal "a last line without its end" x "$(unset OTHER && load_env "$file" && printf '%s' "$OTHER")"
expect_equal "the environment wins" mine "$(NAME=mine && load_env "$file" && printf '%s' "$NAME")"
expect_equal "an empty variable wins too" '' "$(NAME='' && load_env "$file" && printf '%s' "$NAME")"

# shellcheck disable=SC2016 # literally
for line in 'NAME=$(touch x)' 'NAME="a$b"' 'NAME=a\b' 'NAME=a b' "NAME='a" '1NAME=a' 'just words'; do
    expect_failure "refused: $line" 'line 1' value_of "$line"
done

printf 'from file\n' >"$SCRATCH/secret"
# shellcheck disable=SC2034 # read by its name
expect_equal "NAME_FILE wins over NAME" 'from file' "$(NAME=plain NAME_FILE=$SCRATCH/secret && secret NAME)"
# shellcheck disable=SC2034 # read by its name
expect_failure "an unreadable NAME_FILE" NAME_FILE eval 'NAME_FILE=/nowhere; secret NAME'
