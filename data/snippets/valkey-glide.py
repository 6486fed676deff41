# Cluster mode disabled; for cluster mode enabled and serverless GlideClusterClient and that endpoint.
import os

from glide import (AdvancedGlideClientConfiguration, BackoffStrategy, GlideClient,
                   GlideClientConfiguration, NodeAddress, ServerCredentials)


async def connect():
    return await GlideClient.create(GlideClientConfiguration(
        [NodeAddress("PRIMARY_ENDPOINT", 6379)],  # never node endpoints
        use_tls=True,
        credentials=ServerCredentials(password=os.environ["CACHE_PASSWORD"], username="app"),
        request_timeout=2000,  # 250 ms by default: too short for a cutover or a failover
        reconnect_strategy=BackoffStrategy(num_of_retries=8, factor=100, exponent_base=2),
        advanced_config=AdvancedGlideClientConfiguration(connection_timeout=2000),
    ))
