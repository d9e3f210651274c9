"""Solutions to the exercises of salary/05_deploy_predict_delete_sdk_v3; each runs in the place of its cell there."""

# %% five_years
answer = endpoint.invoke(body="5", content_type="text/csv", accept="application/json")
salary = answer.body["predictions"][0]["score"]
check.five_years(salary)

# %% with_stack
import json

with ExitStack() as stack:
    model = Model.create(model_name=name, primary_container=container, execution_role_arn=course.role, **mine)
    stack.callback(model.delete)
    config = EndpointConfig.create(endpoint_config_name=name, production_variants=[variant], **mine)
    stack.callback(config.delete)
    endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name, **mine)
    stack.callback(endpoint.delete)
    endpoint.wait_for_status("InService")
    text = endpoint.invoke(body="2\n4\n6", content_type="text/csv", accept="application/json").body.read()
salaries = [each["score"] for each in json.loads(text)["predictions"]]
check.with_stack(salaries)
course.show_running()

# %% stack_fault
answer = 5  # the callback of the model comes after a line that may fail
check.stack_fault(answer)
