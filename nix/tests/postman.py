with subtest("every request of the collection passes from outside"):
    print(
        client.succeed(
            f"newman run {COLLECTION}/crud-master.postman_collection.json "
            f"--environment {COLLECTION}/crud-master.postman_environment.json "
            f"--env-var base_url={GATEWAY} --timeout-request 10000 --color off"
        )
    )
