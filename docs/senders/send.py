"""Sends a CloudEvent to contact injection: to the urgent queue where its data say so, else to the contact queue.

    python send.py --contact-queue URL --urgent-queue URL --group crm-emea event.json
"""

import argparse
import json

import boto3


def queue_of(event, contact_queue, urgent_queue):
    return urgent_queue if event["data"].get("urgency") == "high" else contact_queue


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contact-queue", required=True, help="the stack's output ContactQueueUrl")
    parser.add_argument("--urgent-queue", required=True, help="the stack's output UrgentQueueUrl")
    parser.add_argument("--group", required=True, help="who sends: nobody else waits behind a flood of its messages")
    parser.add_argument("event", type=argparse.FileType(encoding="utf-8"))
    arguments = parser.parse_args()
    event = json.load(arguments.event)
    sent = boto3.client("sqs").send_message(
        QueueUrl=queue_of(event, arguments.contact_queue, arguments.urgent_queue),
        MessageBody=json.dumps(event),
        MessageGroupId=arguments.group,
    )
    print(sent["MessageId"])


if __name__ == "__main__":
    main()
