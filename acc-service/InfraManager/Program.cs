ACCOffload.InfraManager.Security.SystemTrust.LeaveUnread();
return await ACCOffload.InfraManager.CommandLine.Commands.RunAsync(args);
