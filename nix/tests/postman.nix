# the Postman collection, run by newman from outside.
args: import ./. args "postman"
