// Each test runs a whole node, so they run one at a time to avoid influencing each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
