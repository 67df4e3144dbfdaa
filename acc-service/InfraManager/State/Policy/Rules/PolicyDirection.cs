namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>Which packets a rule judges, as the endpoint sees its flows: those that it accepts or those that it begins.</summary>
internal enum PolicyDirection
{
    Ingress = 0,
    Egress = 1,
}
