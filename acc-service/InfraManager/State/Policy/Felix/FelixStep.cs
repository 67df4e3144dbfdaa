namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>What a connection of a Felix does.</summary>
internal enum FelixStep
{
    /// <summary>It begins: policy comes from it from now on.</summary>
    Begin,

    /// <summary>It sends messages; without any, it asks what is in force.</summary>
    Send,

    /// <summary>It has ended.</summary>
    End,
}
